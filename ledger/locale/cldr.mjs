// Writes table.go, how each language writes numbers and dates, from the data of the Unicode CLDR.
//
//	node cldr.mjs
//
// The data come from the registry of npm, in exactly the version below, into a directory that is removed again. Tests need
// neither: table.go is kept, and what it must say is checked against another implementation (intl.mjs).
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const version = '48.2.0'
const names = { en: ['English', 'English'], ar: ['Arabic', 'العربية'], zh: ['Chinese', '简体中文'], id: ['Indonesian', 'Bahasa Indonesia'],
  vi: ['Vietnamese', 'Tiếng Việt'], th: ['Thai', 'ไทย'], ms: ['Malay', 'Bahasa Melayu'], fil: ['Filipino', 'Filipino'] }

// Signs that more than one currency is written with. A reader in one country takes them for another country's money, so they
// are written as CLDR writes them for nobody in particular: US$, CN¥, JP¥.
const shared = new Set(['$', '¥', '￥', 'Rs'])

const dir = mkdtempSync(join(tmpdir(), 'cldr-'))
const packages = ['cldr-core', 'cldr-numbers-full', 'cldr-dates-full']
execFileSync('npm', ['install', '--silent', '--no-save', '--no-audit', '--no-fund', '--prefix', dir, ...packages.map(p => p + '@' + version)], { stdio: 'inherit' })
const read = path => JSON.parse(readFileSync(join(dir, 'node_modules', path), 'utf8'))

// currencies are the codes that the ledger may keep, from its own table.
const currencies = [...readFileSync(new URL('../money/currency_table.go', import.meta.url), 'utf8').matchAll(/^\t\{"([A-Z]{3})"/gm)].map(m => m[1])
if (currencies.length < 150) throw new Error('the table of currencies could not be read')

const root = currenciesOf('und')
const times = read('cldr-core/supplemental/timeData.json').supplemental.timeData
const likely = read('cldr-core/supplemental/likelySubtags.json').supplemental.likelySubtags

function numbersOf(l) { return read(`cldr-numbers-full/main/${l}/numbers.json`).main[l].numbers }

function currenciesOf(l) { return read(`cldr-numbers-full/main/${l}/currencies.json`).main[l].numbers.currencies }

// quoted writes a Go string in which nothing is invisible.
function quoted(s) {
  return JSON.stringify(s).replace(/[\p{Cf}\p{Zs}]/gu, c => c === ' ' ? c : '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'))
}

// datePattern turns a pattern of CLDR into one of ours: letters become {letters}, quotes go.
function datePattern(p) {
  let out = ''
  for (const part of p.match(/'[^']*'|([a-zA-Z])\1*|[^a-zA-Z']+/g)) {
    if (part[0] === "'") out += part.slice(1, -1) || "'"
    else if (/[a-zA-Z]/.test(part)) out += '{' + ({ v: 'z' }[part] ?? part) + '}'
    else out += part
  }
  return out
}

function form(l) {
  const numbers = numbersOf(l)
  if (numbers.defaultNumberingSystem !== 'latn' || numbers.minimumGroupingDigits !== '1') throw new Error(l + ': other digits or groups than number.go writes')
  const signs = numbers['symbols-numberSystem-latn']
  const [above, below = '-' + above] = numbers['currencyFormats-numberSystem-latn'].standard.split(';')
  const money = p => p.replace('#,##0.00', '{n}').replace('¤', '{c}').replace('-', signs.minusSign)
  if (numbers['decimalFormats-numberSystem-latn'].standard !== '#,##0.###') throw new Error(l + ': another grouping')
  const symbols = {}, own = currenciesOf(l)
  for (const c of currencies) {
    let symbol = own[c]?.symbol ?? c
    if (shared.has(symbol)) symbol = root[c]?.symbol ?? c
    if (shared.has(symbol)) throw new Error(l + ': ' + c + ' cannot be told from others')
    if (symbol !== c) symbols[c] = symbol
  }
  const seen = new Map()
  for (const [c, s] of Object.entries(symbols)) {
    if (seen.has(s)) throw new Error(`${l}: ${c} and ${seen.get(s)} are both written ${s}`)
    seen.set(s, c)
  }

  const dates = read(`cldr-dates-full/main/${l}/ca-gregorian.json`).main[l].dates.calendars.gregorian
  // Thai readers count years of the Buddhist era. The era stands beside the year, so that it is taken for no other. CLDR gives
  // that calendar the patterns of the generic one; its era is not in the packages, and intl.mjs checks it.
  const buddhist = l === 'th'
  const generic = read(`cldr-dates-full/main/${l}/ca-generic.json`).main[l].dates.calendars.generic
  const patterns = (buddhist ? generic : dates).dateTimeFormats.availableFormats
  const era = buddhist ? 'พ.ศ.' : ''
  const plain = p => datePattern(p).replaceAll('{G}', era)
  const day = plain(buddhist ? patterns.GyMMMd : patterns.yMMMd)
  const month = plain(buddhist ? patterns.yyyyMMMM : patterns.yMMMM)
  const region = likely[l].split('-').at(-1)
  const twelve = times[region]._preferred === 'h'
  // Browsers write a plain space before am and pm, because programs fell over the narrow one of CLDR.
  const clock = datePattern(dates.dateTimeFormats.availableFormats[twelve ? 'hmv' : 'Hmv']).replaceAll('\u202f', ' ')
  const glue = datePattern(dates.dateTimeFormats.medium.replace('{1}', '\u0001').replace('{0}', '\u0002')).replace('\u0001', day).replace('\u0002', clock)
  const zones = read(`cldr-dates-full/main/${l}/timeZoneNames.json`).main[l].dates.timeZoneNames
  const [ahead, behind] = zones.hourFormat.split(';')
  const twelveMonths = by => '[12]string{' + Object.keys(by).sort((a, b) => a - b).map(k => quoted(by[k])).join(', ') + '}'
  const format = dates.months.format
  return `\t${names[l][0]}: {
\t\tname: ${quoted(names[l][1])}, decimal: ${quoted(signs.decimal)}, group: ${quoted(signs.group)}, minus: ${quoted(signs.minusSign)},
\t\tcurrency: ${quoted(money(above))}, currencyMinus: ${quoted(money(below))}, percent: ${quoted(numbers['percentFormats-numberSystem-latn'].standard.replace('#,##0', '{n}').replace('%', signs.percentSign))},
\t\tday: ${quoted(day)}, month: ${quoted(month)}, moment: ${quoted(glue)},
\t\tmonths: ${twelveMonths(format.abbreviated)},
\t\tmonthsWide: ${twelveMonths(format.wide)},
\t\tam: ${quoted(dates.dayPeriods.format.abbreviated.am)}, pm: ${quoted(dates.dayPeriods.format.abbreviated.pm)},
\t\toffset: ${quoted(zones.gmtFormat)}, ahead: ${quoted(ahead.replace(/H.*/, ''))}, behind: ${quoted(behind.replace(/H.*/, ''))}, offsetSeparator: ${quoted(ahead.replace(/.*H(.*)m.*/, '$1').replace(/m/g, ''))}, yearShift: ${buddhist ? 543 : 0},
\t\tsymbols: map[money.Currency]string{${Object.entries(symbols).map(([c, s]) => quoted(c) + ': ' + quoted(s)).join(', ')}},
\t},
`
}

try {
  const out = new URL('table.go', import.meta.url)
  writeFileSync(out, `// Code generated by cldr.mjs from Unicode CLDR ${version}; DO NOT EDIT.

package locale

import "mizan/ledger/money"

var forms = map[Language]*form{
${Object.keys(names).map(form).join('')}}
`)
  execFileSync('gofmt', ['-w', out.pathname])
} finally {
  rmSync(dir, { recursive: true })
}
