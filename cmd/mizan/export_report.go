package main

// Exports at the command line: a report as a file with its manifest beside it, and a file held against its manifest.

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"mizan/api/client"
	"mizan/ledger/fault"
	"mizan/ledger/tabular"
)

var (
	errExportSlow = fault.New(fault.Unavailable, "export-slow", "The export is not made yet. It will be: ask for it again with --id.")
	errExportDead = fault.New(fault.Conflict, "export-not-made", "The export could not be made. Read the reason, put it right, and ask again.")
)

// manifestSuffix is what the name of a manifest has more than that of its file.
const manifestSuffix = ".manifest.json"

type exportReportCmd struct {
	remoteFlags
	Book     string            `required:"" help:"Code of the book." placeholder:"CODE"`
	Report   string            `arg:"" optional:"" help:"Name of the report; none lists the reports."`
	Format   string            `help:"csv, xlsx or jsonl." enum:"csv,xlsx,jsonl" default:"csv"`
	Param    map[string]string `help:"A parameter of the report, as name=value. May be given several times." placeholder:"NAME=VALUE"`
	At       int64             `help:"Last transaction that counts; without it, the last of the book." placeholder:"SEQUENCE"`
	Language string            `help:"Language of the reader, two letters; sheets in one that is written from right to left are turned round." placeholder:"LANG"`
	ID       string            `help:"Fetch this export, which was asked for before, again." placeholder:"EXPORT"`
	Out      string            `help:"File to write, which appears complete or not at all, with its manifest beside it; without it, the export's own name." type:"path" placeholder:"FILE"`
	Wait     time.Duration     `help:"How long to wait until it is made." default:"10m"`
}

// exportLook is the pause between two looks at an export that is being made.
const exportLook = 2 * time.Second

// Run asks for an export, waits until it is made, and fetches it.
func (c *exportReportCmd) Run(ctx context.Context, s *surroundings) error {
	remote, err := c.connectWith(s, client.Options{Timeout: exportTimeout})
	if err != nil {
		return err
	}
	defer remote.CloseIdleConnections()
	if c.Report == "" && c.ID == "" {
		return c.list(ctx, s, remote)
	}
	var e client.Export
	if c.ID != "" {
		e, err = remote.GetExport(ctx, c.Book, c.ID)
	} else {
		e, err = remote.AskExport(ctx, c.Book, client.NewExport{Report: c.Report, Format: c.Format, Parameters: c.Param, AtSequence: c.At, Language: c.Language})
	}
	if err != nil {
		return err
	}
	if e, err = c.made(ctx, s, remote, e); err != nil {
		return err
	}
	return c.fetch(ctx, s, remote, e)
}

// mostReports bounds the reports that are listed.
const mostReports = 1000

// list prints the reports with what they may be asked for.
func (c *exportReportCmd) list(ctx context.Context, s *surroundings, remote *client.Client) error {
	all, err := client.Collect(remote.Reports(ctx, c.Book), mostReports)
	if err != nil {
		return err
	}
	t := newTable("REPORT", "PARAMETERS", "MEANING")
	for _, r := range all {
		var parameters []string
		for _, p := range r.Parameters {
			name := p.Name
			if !p.Needed {
				name = "[" + name + "]"
			}
			parameters = append(parameters, name)
		}
		t.add(r.Name, strings.Join(parameters, " "), r.Meaning)
	}
	return t.write(s.stdout, "")
}

// made waits until an export is made.
func (c *exportReportCmd) made(ctx context.Context, s *surroundings, remote *client.Client, e client.Export) (client.Export, error) {
	until := s.now().Add(c.Wait)
	for e.State == "asked" {
		if !s.now().Before(until) {
			fmt.Fprintf(s.stderr, "%s waits.\n", e.ID)
			return e, errExportSlow
		}
		select {
		case <-ctx.Done():
			return e, context.Cause(ctx)
		case <-time.After(exportLook):
		}
		var err error
		if e, err = remote.GetExport(ctx, c.Book, e.ID); err != nil {
			return e, err
		}
	}
	if e.State != "made" {
		fmt.Fprintf(s.stderr, "%s failed: %s\n", e.ID, e.Reason)
		return e, errExportDead
	}
	return e, nil
}

// fetch writes the file and its manifest, and holds what came against it. The file appears only if it is the one.
func (c *exportReportCmd) fetch(ctx context.Context, s *surroundings, remote *client.Client, e client.Export) error {
	manifest, err := tabular.ReadManifest(strings.NewReader(e.ManifestText))
	if err != nil {
		return err
	}
	if c.Out == "" {
		c.Out = e.Name
	}
	err = replaceFile(c.Out, func(to io.Writer) error {
		// What is checked is what is written: a reader of the one is a writer of the other.
		from, into := io.Pipe()
		checked := make(chan error, 1)
		go func() {
			err := tabular.Check(from, manifest)
			_ = from.CloseWithError(err) // a file that goes on too long is not read to its end
			checked <- err
		}()
		err := remote.ExportContent(ctx, c.Book, e.ID, io.MultiWriter(to, into))
		_ = into.Close()
		if of := <-checked; err == nil {
			err = of
		}
		return err
	})
	if err == nil {
		err = replaceFile(c.Out+manifestSuffix, func(to io.Writer) error {
			_, err := io.WriteString(to, e.ManifestText)
			return err
		})
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.stdout, "%s: %d rows at transaction %d, SHA-256 %s. Export %s\n", c.Out, manifest.Rows, e.AtSequence, manifest.SHA256, e.ID)
	return err
}

type exportCheckCmd struct {
	File     string `arg:"" help:"The file." type:"existingfile"`
	Manifest string `help:"Its manifest; without it, the one beside it." type:"path" placeholder:"FILE"`
}

// mostManifest bounds what is read of a manifest, in bytes.
const mostManifest = 1 << 20

// Run holds a file against its manifest, and prints what the manifest says is in it.
func (c *exportCheckCmd) Run(_ context.Context, s *surroundings) error {
	if c.Manifest == "" {
		c.Manifest = c.File + manifestSuffix
	}
	text, err := os.Open(c.Manifest)
	if err != nil {
		return err
	}
	defer text.Close()
	content, err := io.ReadAll(io.LimitReader(text, mostManifest))
	if err != nil {
		return err
	}
	manifest, err := tabular.ReadManifest(bytes.NewReader(content))
	if err != nil {
		return err
	}
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := tabular.Check(file, manifest); err != nil {
		return err
	}
	fmt.Fprintf(s.stdout, "%s is, byte for byte, the export of %s of the book %s: %s rows, %d bytes, SHA-256 %s\n", c.File, manifest.Report, manifest.Book,
		strconv.FormatInt(manifest.Rows, 10), manifest.Bytes, manifest.SHA256)
	t := newTable("TOTAL OF", "CUR", ">AMOUNT")
	for _, x := range manifest.Totals {
		t.add(x.Column, string(x.Currency), x.Amount)
	}
	if len(manifest.Totals) == 0 {
		return nil
	}
	return t.write(s.stdout, "")
}
