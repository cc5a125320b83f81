package hosted_test

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// resolver is a name server whose names can be changed.
type resolver struct {
	mu    sync.Mutex
	names map[string][]netip.Addr // guarded by mu
	err   error                   // of all names; guarded by mu
}

// set makes name stand for addrs.
func (r *resolver) set(name string, addrs ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names == nil {
		r.names = map[string][]netip.Addr{}
	}
	r.names[name] = nil
	for _, a := range addrs {
		r.names[name] = append(r.names[name], netip.MustParseAddr(a))
	}
}

// fail makes all names fail, or work again with nil.
func (r *resolver) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *resolver) LookupNetIP(_ context.Context, network, host string) ([]netip.Addr, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return nil, r.err
	}
	addrs := slices.DeleteFunc(slices.Clone(r.names[host]), func(a netip.Addr) bool { return a.Is4() != (network == "ip4") })
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return addrs, nil
}
