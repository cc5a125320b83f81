package assets

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"path"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
)

// types has the content type of each kind of file that a page may load.
var types = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
	".txt": "text/plain; charset=utf-8",
}

// File is one asset. Its fields and the bytes that it returns must not be
// changed.
type File struct {
	// Name is the file's name in the tree, such as "app.css".
	Name string

	// URL is the path of its address, such as "/assets/app-5c1d0e2f9a3b.css".
	URL string

	// ContentType is the header of that name.
	ContentType string

	// ETag is the header of that name, quotes included.
	ETag string

	body         []byte
	gzip, brotli func() []byte
}

// NewFile returns a file that is made at run time, with an address like the
// embedded ones have. It panics on a name whose kind no page may load.
func NewFile(name string, body []byte) *File {
	ext := path.Ext(name)
	contentType, ok := types[ext]
	if !ok {
		panic(fmt.Sprintf("no content type known for %q", name))
	}
	hash := Hash(body)
	return &File{
		Name:        name,
		URL:         Prefix + strings.TrimSuffix(name, ext) + "-" + hash + ext,
		ContentType: contentType,
		ETag:        `"` + hash + `"`,
		body:        body,
		gzip:        sync.OnceValue(func() []byte { return compressGzip(body) }),
		brotli:      sync.OnceValue(func() []byte { return compressBrotli(body) }),
	}
}

// Body returns the plain bytes.
func (f *File) Body() []byte { return f.body }

// Gzip returns the bytes compressed by gzip at its best. The first call takes
// some milliseconds.
func (f *File) Gzip() []byte { return f.gzip() }

// Brotli returns the bytes compressed by brotli at its best. The first call
// takes some tens of milliseconds.
func (f *File) Brotli() []byte { return f.brotli() }

// Encoded returns the smallest form that the Accept-Encoding header accept
// allows, and the Content-Encoding of it: "br", "gzip" or "" for plain bytes.
// The answer depends on that header, so it wants "Vary: Accept-Encoding".
func (f *File) Encoded(accept string) (body []byte, encoding string) {
	switch {
	case Accepts(accept, "br"):
		return f.Brotli(), "br"
	case Accepts(accept, "gzip"):
		return f.Gzip(), "gzip"
	default:
		return f.body, ""
	}
}

// Accepts reports whether an Accept-Encoding header names coding without refusing it by a weight
// of zero.
//
// Source: RFC 9110, section 12.5.3.
func Accepts(header, coding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, weight, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		_, q, weighted := strings.Cut(weight, "=")
		return !weighted || strings.Trim(q, " 0.") != ""
	}
	return false
}

func compressGzip(body []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is valid
	_, _ = w.Write(body)                                  // a bytes.Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

func compressBrotli(body []byte) []byte {
	var b bytes.Buffer
	w := brotli.NewWriterLevel(&b, brotli.BestCompression)
	_, _ = w.Write(body) // a bytes.Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}
