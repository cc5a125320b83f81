package pluginfolder_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/global-presence/presence/core/pluginfolder"
)

// whole asks whether a content is whole.
func whole(content []byte) error {
	return pluginfolder.Whole(bytes.NewReader(content), int64(len(content)), content[:min(4, len(content))])
}

func TestWhole_module(t *testing.T) {
	const head = "\x00asm\x01\x00\x00\x00"
	for _, tt := range []struct {
		name, content string
		want          string // "" for whole
	}{
		{"OK", head + "\x00\x05\x04name", ""},
		{"Least", head, ""},
		{"Functions", head + "\x03\x02\x01\x00" + "\x0a\x04\x01\x02\x00\x0b", ""},
		{"NoFunctions", head + "\x03\x01\x00", ""},
		{"LongLength", head + "\x00\x85\x80\x80\x80\x00\x04name", ""},
		{"Empty", "", "it is empty"},
		{"Magic", "\x00asm", "no whole header"},
		{"Version", "\x00asm\x02\x00\x00\x00", "version 2; want 1"},
		{"Component", "\x00asm\x0d\x00\x01\x00", "component; want a module"},
		{"Zeros", head + "\x00\x00\x00\x00\x00\x00", ""}, // empty sections of their own meaning: the runtime's to refuse
		{"Cut", head + "\x00\x05\x04nam", "has 14 bytes of at least 15"},
		{"NoLength", head + "\x00", "section at byte 8 has no length"},
		{"CutLength", head + "\x00\x85\x80", "section at byte 8 has no length"},
		{"LengthTooLong", head + "\x00\x80\x80\x80\x80\x80\x01", "section at byte 8 has no length"},
		{"LengthTooLarge", head + "\x00\xff\xff\xff\xff\x7f", "section at byte 8 has no length"},
		{"Huge", head + "\x00\xff\xff\xff\xff\x0f", "has 14 bytes of at least 4294967309"},
		{"NoSuchSection", head + "\x0e\x00", "section 14 at byte 8"},
		{"Twice", head + "\x01\x01\x00\x01\x01\x00", "section 1 too often, at byte 11"},
		{"TooMany", head + strings.Repeat("\x00\x01\x00", 1001), "section 0 too often"},
		{"NoCode", head + "\x03\x02\x01\x00", "code is not there"},
		{"ZerosOfAllKinds", head + "\xff", "section 255"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := whole([]byte(tt.content))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("whole = %v, want %q", err, tt.want)
			}
		})
	}
}

// This very program is one that is whole.
func TestWhole_ELF(t *testing.T) {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Skip("programs are not ELF here, or cannot be found")
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	head, size := []byte("\x7fELF"), info.Size()
	if err := pluginfolder.Whole(f, size, head); err != nil {
		t.Fatalf("the whole of it: %v", err)
	}
	for _, n := range []int64{4, 20, 63, 64, 100, 1000, size / 3, size / 2, size * 9 / 10, size - 1} {
		if err := pluginfolder.Whole(f, n, head); err == nil {
			t.Errorf("%d of its %d bytes are whole", n, size)
		}
	}
}

// No bytes make it panic, and what is whole is not when its last byte is missing.
func FuzzWhole(f *testing.F) {
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x00\x05\x04name"))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x03\x02\x01\x00\x0a\x04\x01\x02\x00\x0b"))
	f.Add(moduleBytes("claps", "v1"))
	f.Add([]byte("\x7fELF\x02\x01\x01"))
	if exe, err := os.ReadFile("/bin/true"); err == nil {
		f.Add(exe[:min(len(exe), 4096)])
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if whole(content) == nil && bytes.HasPrefix(content, []byte("\x00asm")) && whole(content[:len(content)-1]) == nil {
			t.Errorf("%x is whole, and so is all but its last byte", content)
		}
	})
}
