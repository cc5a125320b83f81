package settings

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// UsageError is a mistake of the person who wrote the settings; its lines stand for
// themselves.
type UsageError struct{ Err error }

// Error returns the lines.
func (u UsageError) Error() string { return u.Err.Error() }

// Unwrap returns Err.
func (u UsageError) Unwrap() error { return u.Err }

// faults are the settings found wrong.
type faults struct{ errs []error }

// bad notes that a flag has a wrong value.
func (f *faults) bad(flag, value, want string) {
	f.errs = append(f.errs, fmt.Errorf("--%s (%s) is %q; want %s", flag, variable(flag), value, want))
}

// variable is the name of the variable that stands for a flag.
func variable(flag string) string {
	return "PRESENCE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// duration reads a time.
func (f *faults) duration(flag, value string, low, high time.Duration) time.Duration {
	d, err := time.ParseDuration(value)
	if err != nil || d < low || d > high {
		f.bad(flag, value, fmt.Sprintf("a time with its unit from %s to %s, such as 10s", short(low), short(high)))
		return 0
	}
	return d
}

// short writes 10m0s as 10m.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// err returns all that is wrong as a UsageError, a line each in the order of the
// flags, or nil.
func (f *faults) err() error {
	slices.SortFunc(f.errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	if err := errors.Join(f.errs...); err != nil {
		return UsageError{err}
	}
	return nil
}
