package reader

import (
	"math/bits"
	"sync"

	"github.com/apache/arrow-go/v18/arrow/memory"
)

// Pool is an allocator that keeps what is freed for the next batch: batches are alike, and making each anew keeps the
// collector busy for a tenth of the time of a load. Memory comes zeroed, as from memory.DefaultAllocator.
type Pool struct {
	mu   sync.Mutex
	free [pooledBits][][]byte // by the power of two that is their size
}

const (
	pooledBits = 27 // larger pieces, of 64 MiB and more, are left to the collector
	pooledEach = 256
)

var _ memory.Allocator = (*Pool)(nil)

// Allocate gives size zeroed bytes.
func (p *Pool) Allocate(size int) []byte {
	class := bits.Len(uint(max(size, 64) - 1))
	if class >= pooledBits {
		return memory.DefaultAllocator.Allocate(size)
	}
	p.mu.Lock()
	list := p.free[class]
	if len(list) == 0 {
		p.mu.Unlock()
		return memory.DefaultAllocator.Allocate(1 << class)[: size : 1<<class]
	}
	b := list[len(list)-1]
	p.free[class] = list[:len(list)-1]
	p.mu.Unlock()
	clear(b[:size])
	return b[:size]
}

// Reallocate gives size bytes that begin with those of b.
func (p *Pool) Reallocate(size int, b []byte) []byte {
	if size <= cap(b) {
		if size > len(b) {
			clear(b[len(b):size])
		}
		return b[:size]
	}
	out := p.Allocate(size)
	copy(out, b)
	p.Free(b)
	return out
}

// Free takes b back.
func (p *Pool) Free(b []byte) {
	class := bits.Len(uint(cap(b))) - 1
	if class < 6 || class >= pooledBits || cap(b) != 1<<class {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free[class]) < pooledEach {
		p.free[class] = append(p.free[class], b[:cap(b)])
	}
}
