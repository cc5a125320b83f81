package wasm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// A table holds references to functions, 8 bytes each in the host, and counts in
// no memory limit: maxTables and maxTable bound what all tables may take to 8 MiB.
const (
	maxTables = 8
	maxTable  = 128 << 10
)

// tableSection is the section's id.
const tableSection = 4

// boundTables returns the module with a maximum of maxTable on every table. It fails when a section reaches
// past the end of the module, and when a table begins larger than maxTable.
//
// What else may be wrong in a module is for the compiler to find.
func boundTables(module []byte) ([]byte, error) {
	const header = 8
	var out []byte
	for at := header; at < len(module); {
		id := module[at]
		size, n := binary.Uvarint(module[at+1:])
		if n <= 0 || size > uint64(len(module)-at-1-n) {
			return nil, fmt.Errorf("truncated: section %d at byte %d wants %d bytes, and %d are left",
				id, at, size, len(module)-at-1-max(n, 0))
		}
		begin := at + 1 + n
		end := begin + int(size)
		if id == tableSection {
			if out != nil {
				return nil, errors.New("two table sections")
			}
			tables, err := boundTableSection(module[begin:end])
			if err != nil {
				return nil, err
			}
			out = append(bytes.Clone(module[:at]), tableSection)
			out = binary.AppendUvarint(out, uint64(len(tables)))
			out = append(append(out, tables...), module[end:]...)
		}
		at = end
	}
	if out == nil {
		out = module
	}
	return out, nil
}

// boundTableSection is boundTables for the content of the section: a count, and for
// each table its type, a flag 0 or 1, a minimum and, with the flag 1, a maximum.
func boundTableSection(in []byte) ([]byte, error) {
	r := bytes.NewReader(in)
	count, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, fmt.Errorf("table section: %w", err)
	}
	if count > maxTables {
		return nil, fmt.Errorf("%d tables: want at most %d", count, maxTables)
	}
	out := binary.AppendUvarint(nil, count)
	for range count {
		kind, err1 := r.ReadByte()
		flag, err2 := r.ReadByte()
		least, err3 := binary.ReadUvarint(r)
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, fmt.Errorf("table section: %w", err)
		}
		if flag > 1 {
			return nil, fmt.Errorf("table section: flag %d: want 0 or 1", flag)
		}
		most := uint64(maxTable)
		if flag == 1 {
			if most, err = binary.ReadUvarint(r); err != nil {
				return nil, fmt.Errorf("table section: %w", err)
			}
		}
		if least > maxTable {
			return nil, fmt.Errorf("table of %d entries: want at most %d", least, maxTable)
		}
		out = append(out, kind, 1)
		out = binary.AppendUvarint(out, least)
		out = binary.AppendUvarint(out, min(most, maxTable))
	}
	if r.Len() > 0 {
		return nil, fmt.Errorf("table section: %d bytes too many", r.Len())
	}
	return out, nil
}
