package postgres

// Schema: what a database's tables and functions are made of and who may use them, in a form that two databases can be compared by.

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Schema is what the schemas public and river hold, as one role sees it.
type Schema struct {
	Definitions []Definition
	// Grants are the rights that the role, or everybody, was given on what they hold, a sentence each. Those of an owner are none.
	Grants []string
}

// Definition is a table or a function, and a sum of all that decides what it does. Of a function that is its body, its language, its
// settings, its owner and whose rights it has. Of a table it is its columns, its triggers and when they fire, its rules, its policies, the
// names of its constraints and unique indexes, its owner, and whether a crash may empty it.
type Definition struct {
	Name string
	// Like is the name that others of its kind share: of a partition that of all partitions of its table, else Name.
	Like string
	Sum  string
	// Foreign reports that it came with an extension.
	Foreign bool
}

// Departures are how a schema differs from another.
type Departures struct {
	// Changed and Missing are tables and functions, Added functions alone: what else is added changes nothing.
	Changed, Missing, Added []string
	// Granted are rights that the other schema does not give.
	Granted []string
}

// maxDefinitions bounds what is read of a schema, partitions among it.
const maxDefinitions = 100_000

// grantLine begins a line of a grant, where that of a definition has its sum.
const grantLine = "granted"

// Lines writes the schema so that Against reads it: in order, a sum and a name each, and the grants.
func (s Schema) Lines() string {
	var lines []string
	for _, d := range s.Definitions {
		if !d.Foreign {
			lines = append(lines, d.Sum+"  "+d.Like+"\n")
		}
	}
	for _, grant := range s.Grants {
		lines = append(lines, grantLine+"  "+grant+"\n")
	}
	name := func(line string) string { _, after, _ := strings.Cut(line, "  "); return after }
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(name(a), name(b)) })
	return strings.Join(slices.Compact(lines), "")
}

// Against says how s differs from the schema whose lines are given.
func (s Schema) Against(lines string) (d Departures) {
	sums, grants := map[string]string{}, map[string]bool{}
	for line := range strings.Lines(lines) {
		sum, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		if sum == grantLine {
			grants[name] = true
		} else {
			sums[name] = sum
		}
	}
	seen := map[string]bool{}
	for _, one := range s.Definitions {
		sum, known := sums[one.Like]
		seen[one.Like] = true
		switch {
		case known && sum != one.Sum:
			d.Changed = append(d.Changed, one.Name)
		case !known && !one.Foreign && strings.HasPrefix(one.Name, "function "):
			d.Added = append(d.Added, one.Name)
		}
	}
	for name := range sums {
		if !seen[name] {
			d.Missing = append(d.Missing, name)
		}
	}
	slices.Sort(d.Missing)
	for _, grant := range s.Grants {
		if !covered(grant, grants) {
			d.Granted = append(d.Granted, grant)
		}
	}
	return d
}

// covered reports whether a grant is among others, or less than one of them: to everybody, or on all columns.
func covered(grant string, grants map[string]bool) bool {
	of, to, _ := strings.Cut(grant, " TO ")
	right, on, _ := strings.Cut(of, " ON ")
	whole, _, _ := strings.Cut(right, " (")
	for _, wider := range []string{of, whole + " ON " + on} {
		if grants[wider+" TO "+to] || grants[wider+" TO PUBLIC"] {
			return true
		}
	}
	return false
}

// askSchema reads the schema.
func (e *Examination) askSchema(ctx context.Context, conn *pgx.Conn) error {
	return pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) (err error) {
		e.Schema, err = readSchema(ctx, tx)
		return err
	})
}

// readSchema reads the definitions and the grants. Names are looked up in PostgreSQL's own schema alone, whatever the role's settings say,
// and what is asked once is not worth compiling.
func readSchema(ctx context.Context, tx pgx.Tx) (s Schema, err error) {
	if _, err := tx.Exec(ctx, `SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL jit = off`); err != nil {
		return s, err
	}
	rows, err := tx.Query(ctx, definitions, maxDefinitions+1)
	if err != nil {
		return s, err
	}
	if s.Definitions, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Definition]); err != nil {
		return s, err
	}
	if rows, err = tx.Query(ctx, grants, maxDefinitions+1); err != nil {
		return s, err
	}
	if s.Grants, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return s, err
	}
	if max(len(s.Definitions), len(s.Grants)) > maxDefinitions {
		return s, fmt.Errorf("its schema holds more than %d tables, functions or grants", maxDefinitions)
	}
	return s, nil
}

// definitions answers the definitions. No expression is written out by the server but the conditions of triggers: releases write them
// differently. Triggers of foreign keys are the server's own, and only tell whether they fire. Constraints and indexes of a partition follow
// those of its table, under names of their own.
const definitions = `
	WITH ours AS (SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('public', 'river')),
	     owner AS (SELECT (SELECT relowner FROM pg_class WHERE oid = to_regclass('public.goose_db_version')) AS oid)
	SELECT name, alike, encode(sha256(convert_to(made::text, 'UTF8')), 'hex'), from_extension
	  FROM (
	    SELECT 'function ' || ours.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' AS name,
	           'function ' || ours.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' AS alike,
	           jsonb_build_array(l.lanname, p.prokind, p.prosrc, p.probin, p.prosqlbody IS NOT NULL, p.prosecdef, p.proleakproof, p.proisstrict, p.proretset,
	               p.provolatile, p.proparallel, p.proconfig, format_type(p.prorettype, NULL), p.pronargdefaults, p.prosupport::text,
	               CASE WHEN p.proowner = owner.oid THEN '' ELSE p.proowner::text END) AS made,
	           EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') AS from_extension
	      FROM pg_proc p JOIN ours ON ours.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang CROSS JOIN owner
	    UNION ALL
	    SELECT 'table ' || ours.nspname || '.' || c.relname,
	           'table ' || ours.nspname || '.' || coalesce((SELECT parent.relname || ' (partition)' FROM pg_inherits i JOIN pg_class parent ON parent.oid = i.inhparent
	                                                         WHERE i.inhrelid = c.oid AND c.relispartition), c.relname),
	           jsonb_build_array(c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, CASE WHEN c.relowner = owner.oid THEN '' ELSE c.relowner::text END,
	               (SELECT jsonb_agg(jsonb_build_array(a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated) ORDER BY a.attname)
	                  FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
	               (SELECT jsonb_agg(jsonb_build_array(t.tgname, t.tgtype, t.tgenabled, fn.nspname, f.proname, encode(t.tgargs, 'hex'), t.tgoldtable, t.tgnewtable,
	                                 t.tgdeferrable, t.tginitdeferred, substring(CASE WHEN t.tgqual IS NOT NULL THEN pg_get_triggerdef(t.oid) END FROM ' WHEN (.*) EXECUTE '),
	                                 (SELECT jsonb_agg(a.attname ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (t.tgattr))) ORDER BY t.tgname)
	                  FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid JOIN pg_namespace fn ON fn.oid = f.pronamespace
	                 WHERE t.tgrelid = c.oid AND NOT t.tgisinternal),
	               EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgisinternal AND t.tgenabled NOT IN ('O', 'A')),
	               (SELECT jsonb_agg(jsonb_build_array(r.rulename, r.ev_type, r.ev_enabled, r.is_instead) ORDER BY r.rulename) FROM pg_rewrite r WHERE r.ev_class = c.oid),
	               (SELECT jsonb_agg(p.polname ORDER BY p.polname) FROM pg_policy p WHERE p.polrelid = c.oid),
	               (SELECT jsonb_agg(jsonb_build_array(k.conname, k.contype, k.convalidated, k.confdeltype, k.confupdtype) ORDER BY k.conname)
	                  FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x') AND k.conparentid = 0 AND NOT c.relispartition),
	               (SELECT jsonb_agg(x.relname ORDER BY x.relname) FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
	                 WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND NOT c.relispartition)),
	           EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
	      FROM pg_class c JOIN ours ON ours.oid = c.relnamespace CROSS JOIN owner WHERE c.relkind IN ('r', 'p')
	  ) AS made ORDER BY name LIMIT $1`

// grants answers what the role, a role that it could become, or everybody was given. What comes with an extension is the extension's.
const grants = `
	WITH ours AS (SELECT oid, nspname, nspowner, nspacl FROM pg_namespace WHERE nspname IN ('public', 'river')),
	     held AS (
	         SELECT 'pg_class'::regclass AS class, c.oid, c.relowner AS owner, '' AS part, CASE c.relkind WHEN 'S' THEN 'sequence ' ELSE 'table ' END || ours.nspname || '.' || c.relname AS name,
	                coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner)) AS acl
	           FROM pg_class c JOIN ours ON ours.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
	         UNION ALL
	         SELECT 'pg_class'::regclass, c.oid, c.relowner, ' (' || a.attname || ')', 'table ' || ours.nspname || '.' || c.relname, a.attacl
	           FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN ours ON ours.oid = c.relnamespace WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
	         UNION ALL
	         SELECT 'pg_proc'::regclass, p.oid, p.proowner, '', 'function ' || ours.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
	                coalesce(p.proacl, acldefault('f', p.proowner))
	           FROM pg_proc p JOIN ours ON ours.oid = p.pronamespace
	         UNION ALL
	         SELECT 'pg_namespace'::regclass, ours.oid, ours.nspowner, '', 'schema ' || ours.nspname, coalesce(ours.nspacl, acldefault('n', ours.nspowner)) FROM ours
	         UNION ALL
	         SELECT 'pg_default_acl'::regclass, d.oid, d.defaclrole, '', CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions'
	                WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE 'objects' END || ' to come', d.defaclacl
	           FROM pg_default_acl d WHERE d.defaclnamespace = 0 OR d.defaclnamespace IN (SELECT oid FROM ours))
	SELECT DISTINCT g.privilege_type || held.part || ' ON ' || held.name || ' TO ' || CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE 'the role' END
	       || CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS said
	  FROM held CROSS JOIN aclexplode(held.acl) AS g
	 WHERE (g.grantee = 0 OR g.grantee <> held.owner AND EXISTS (SELECT FROM pg_roles r WHERE r.oid = g.grantee AND pg_has_role(current_user, r.oid, 'MEMBER')))
	   AND NOT (g.grantee = 0 AND (held.name, g.privilege_type) IN (('functions to come', 'EXECUTE'), ('types to come', 'USAGE')))
	   AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = held.class AND d.objid = held.oid AND d.deptype = 'e')
	 ORDER BY said LIMIT $1`
