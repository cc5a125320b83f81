package wasm

import "context"

// ConformFor is Conform with another number of calls.
func ConformFor(ctx context.Context, cfg Config, calls int) error { return conform(ctx, cfg, calls) }

// Memory is how many bytes of memory the idle instances have.
func (m *Module) Memory() (sizes []int64) {
	for _, i := range m.pool.idle {
		sizes = append(sizes, i.memory.size)
	}
	return sizes
}

// Lend takes n instances out of the pool, made if need be, and returns what gives
// them back.
func (m *Module) Lend(ctx context.Context, n int) (give func(), err error) {
	var lent []*instance
	give = func() {
		for _, i := range lent {
			m.pool.give(i)
		}
	}
	for range n {
		i, err := m.pool.take(ctx)
		if err == nil && i == nil {
			if i, err = m.newInstance(ctx); err != nil {
				m.pool.give(nil)
			}
		}
		if err != nil {
			give()
			return nil, err
		}
		lent = append(lent, i)
	}
	return give, nil
}
