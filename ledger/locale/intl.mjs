// Writes testdata/intl.json: how JavaScript's Intl writes a few thousand amounts, counts, percentages, days and months. It is
// another implementation of the same conventions (ICU), so what number.go and calendar.go get wrong shows up as a difference.
//
//	node intl.mjs
//
// It needs a Node.js with all languages, whose process.versions.cldr is at least 48.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

if (parseInt(process.versions.cldr) < 48) throw new Error('this Node.js has CLDR ' + process.versions.cldr)
const languages = ['en', 'ar', 'zh', 'id', 'vi', 'th', 'ms', 'fil']
const currencies = [...readFileSync(new URL('../money/currency_table.go', import.meta.url), 'utf8').matchAll(/^\t\{"([A-Z]{3})", (\d)/gm)].map(m => [m[1], +m[2]])

// What stands for a sign that more than one currency has.
const told = { USD: 'US$', JPY: 'JP¥', CNY: 'CN¥', INR: '₹' }
const shared = new Set(['$', '¥', '￥', 'Rs'])

let state = 20260103n // a fixed start: the same file every time
const random = below => { state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn; return (state >> 11n) % below }

function decimal(minor, digits) {
  const sign = minor < 0n ? '-' : '', text = String(minor < 0n ? -minor : minor).padStart(digits + 1, '0')
  return sign + (digits ? text.slice(0, -digits) + '.' + text.slice(-digits) : text)
}

function amount(l, c, digits, minor) {
  const parts = new Intl.NumberFormat(l, { style: 'currency', currency: c, minimumFractionDigits: digits, maximumFractionDigits: digits }).formatToParts(decimal(minor, digits))
  return parts.map(p => {
    if (p.type !== 'currency' || !shared.has(p.value)) return p.value
    if (!told[c]) throw new Error(l + ': ' + c)
    return told[c]
  }).join('').replace('₹\u00a0', '₹') // a sign needs no space
}

const zones = ['UTC', 'Asia/Ho_Chi_Minh', 'Asia/Kolkata', 'America/New_York', 'America/St_Johns', 'Europe/London', 'Asia/Kathmandu']
const out = { cldr: process.versions.cldr, icu: process.versions.icu }
for (const l of languages) {
  const o = out[l] = { amounts: [], counts: [], percents: [], days: [], moments: [], months: [] }
  const put = (c, digits, minor) => o.amounts.push([c, String(minor), amount(l, c, digits, minor)])
  for (const [c, digits] of currencies) put(c, digits, random(2n) ? random(10n ** 7n) : -random(10n ** 7n) - 1n)
  for (const c of ['USD', 'GBP', 'EUR', 'CNY', 'IDR', 'VND', 'THB', 'MYR', 'PHP', 'EGP', 'SAR', 'AED', 'KWD', 'SGD', 'JPY']) {
    const digits = currencies.find(x => x[0] === c)[1]
    for (const minor of [0n, 1n, -1n, 99n, 100n, 1000n, -99999n, 100000n, 999999999999999n, -9223372036854775808n, random(10n ** 18n)]) put(c, digits, minor)
  }
  for (const n of [0n, 1n, -1n, 12n, 999n, 1000n, 9999n, 10000n, -1234567n, 9223372036854775807n, random(10n ** 12n)]) o.counts.push([String(n), new Intl.NumberFormat(l).format(n)])
  for (let i = 0; i < 30; i++) {
    const digits = Number(random(5n)), k = random(10n ** 6n) - 200000n
    o.percents.push([decimal(k, digits), new Intl.NumberFormat(l, { style: 'percent', minimumFractionDigits: digits, maximumFractionDigits: digits }).format(decimal(k, digits + 2))])
  }
  const era = l === 'th' ? { era: 'short' } : {}
  for (let i = 0; i < 60; i++) {
    const at = 1704067200 + Number(random(4n * 365n * 24n * 60n)) * 60, zone = zones[i % zones.length], d = new Date(at * 1000)
    const f = (options) => new Intl.DateTimeFormat(l, { ...era, ...options, timeZone: zone }).format(d)
    o.days.push([at, zone, f({ day: 'numeric', month: 'short', year: 'numeric' })])
    const clock = ['en', 'ar', 'ms', 'fil'].includes(l) ? 'numeric' : '2-digit' // as the pattern of 24 hours in CLDR has it
    const moment = f({ day: 'numeric', month: 'short', year: 'numeric', hour: clock, minute: '2-digit', timeZoneName: 'shortOffset' })
    // ICU 78.2 joins the Indonesian day and time by a comma where CLDR 48.2 has none.
    o.moments.push([at, zone, l === 'id' ? moment.replace(', ', ' ') : moment])
  }
  for (let m = 1; m <= 12; m++) o.months.push([2026, m, new Intl.DateTimeFormat(l, { ...era, month: 'long', year: 'numeric', timeZone: 'UTC' }).format(Date.UTC(2026, m - 1, 15))])
}
mkdirSync(new URL('testdata', import.meta.url), { recursive: true })
// One case a line, so that a change can be read.
const lines = Object.entries(out).map(([k, v]) => typeof v === 'string' ? `${JSON.stringify(k)}: ${JSON.stringify(v)}` :
  `${JSON.stringify(k)}: {${Object.entries(v).map(([n, list]) => `\n${JSON.stringify(n)}: [\n${list.map(x => JSON.stringify(x)).join(',\n')}]`).join(',')}}`)
writeFileSync(new URL('testdata/intl.json', import.meta.url), '{' + lines.join(',\n') + '}\n')
