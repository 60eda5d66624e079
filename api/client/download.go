package client

// Download: answers that are files of any size. They are written while they come, and held against the digest that the service names.

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
)

// errDigest lies behind the problem of a file that is not the one that the service named.
var errDigest = errors.New("the bytes do not come to the digest that was named")

// download writes the file at the path to w and returns its size. A file that breaks off, or whose bytes are not those of the digest in
// Repr-Digest, is an error: what w has got by then must not be used. It is not asked for again, since w has a part of it.
func (c *Client) download(ctx context.Context, path string, w io.Writer) (size int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(c.base.String(), "/")+path, nil)
	if err != nil {
		return 0, unreachable(err)
	}
	req.Header.Set("Accept", "application/octet-stream, application/json, application/problem+json")
	req.Header.Set("User-Agent", c.options.UserAgent)
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, unreachable(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
		if err != nil {
			return 0, unreachable(err)
		}
		return 0, readProblem(res, body)
	}
	digest := sha256.New()
	if size, err = io.Copy(io.MultiWriter(w, digest), res.Body); err != nil {
		return size, unreachable(err)
	}
	if res.Header.Get("Repr-Digest") != "sha-256=:"+base64.StdEncoding.EncodeToString(digest.Sum(nil))+":" {
		return size, &Problem{Status: res.StatusCode, Code: codeUnreadable, Title: "The file is not whole",
			Detail: "Its bytes are not those that the service named. Do not use it: fetch it again.", cause: errDigest}
	}
	return size, nil
}
