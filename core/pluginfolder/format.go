package pluginfolder

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"
)

// format is how a file begins.
type format int

const (
	other format = iota
	wasmFormat
	elfFormat
	script
)

// headSize is how many bytes tell a format.
const headSize = 4

func formatOf(head []byte) format {
	switch {
	case bytes.HasPrefix(head, []byte("\x00asm")):
		return wasmFormat
	case bytes.HasPrefix(head, []byte(elf.ELFMAG)):
		return elfFormat
	case bytes.HasPrefix(head, []byte("#!")):
		return script
	}
	return other
}

// kindOf says what carries a file, or why it is no feature.
func kindOf(name string, mode fs.FileMode, f format) (Kind, *refusal) {
	switch {
	case f == wasmFormat:
		return WebAssembly, nil
	case mode.Perm()&0o111 != 0:
		return Process, nil
	case f == elfFormat || f == script:
		return "", refuse(notExecutable, "kind", "run chmod +x on it", errors.New("it is a program and not executable"))
	case strings.HasSuffix(name, ".wasm"):
		return "", refuse(notExecutable, "kind", "build it again, or give it another name", errors.New("its name ends in .wasm, and it does not begin as WebAssembly does"))
	}
	return "", refuse(notPlugin, "kind", "", errors.New("it is neither executable nor WebAssembly"))
}

// whole reports which part of a file is not there yet, as far as its format tells.
func whole(r io.ReaderAt, size int64, f format) error {
	switch {
	case size == 0:
		return errors.New("it is empty")
	case f == wasmFormat:
		return wholeModule(r, size)
	case f == elfFormat:
		return wholeELF(r, size)
	}
	return nil
}

func wholeELF(r io.ReaderAt, size int64) error {
	file, err := elf.NewFile(io.NewSectionReader(r, 0, size))
	if err != nil {
		return fmt.Errorf("the tables of the ELF program are not all there: %w", err)
	}
	end := uint64(0)
	for _, s := range file.Sections {
		if s.Type != elf.SHT_NOBITS && s.Type != elf.SHT_NULL {
			end = max(end, saturated(s.Offset, s.FileSize))
		}
	}
	for _, p := range file.Progs {
		end = max(end, saturated(p.Off, p.Filesz))
	}
	if end > uint64(size) {
		return fmt.Errorf("the ELF program has %d bytes of %d", size, end)
	}
	return nil
}

// saturated is a+b, or the most there is.
func saturated(a, b uint64) uint64 {
	if a+b < a {
		return ^uint64(0)
	}
	return a + b
}

// machines are the processors that an ELF program may be for, by Go's names.
var machines = map[string]elf.Machine{
	"386": elf.EM_386, "amd64": elf.EM_X86_64, "arm": elf.EM_ARM, "arm64": elf.EM_AARCH64,
	"riscv64": elf.EM_RISCV, "s390x": elf.EM_S390, "ppc64le": elf.EM_PPC64, "loong64": elf.EM_LOONGARCH,
}

// startHint is what to do about a program that does not start.
func startHint(r io.ReaderAt, f format) string {
	switch f {
	case elfFormat:
		file, err := elf.NewFile(r)
		if want, ok := machines[runtime.GOARCH]; err == nil && ok && file.Machine != want {
			its := file.Machine.String()
			for name, m := range machines {
				if m == file.Machine {
					its = name
				}
			}
			return fmt.Sprintf("build it for this machine, GOARCH=%s: it is for %s", runtime.GOARCH, its)
		}
	case other:
		return "is it a program for this system? a script begins with #! and its interpreter"
	}
	return "start it by hand: a feature says what it is"
}
