// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cilium/ebpf"

	"github.com/iterfs/iterfs/bpf"
)

// maxVariants bounds how many programs stay loaded that have constants of their
// own, or whose target was made on the fly. The one that was used longest ago
// goes; runs of it go on.
const maxVariants = 64

type programKey struct {
	target *bpf.Target
	name   string
	consts string
	// free says that it is for readers from whom nothing is hidden.
	free bool
}

// variant reports whether the program is one of many, of which few are kept.
func (k *programKey) variant() bool { return k.consts != "" || k.target.Transient }

// constsKey is a text that is the same for the same constants.
func constsKey(consts map[string]any) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(consts)) {
		fmt.Fprintf(&b, "%s=%v ", name, consts[name])
	}
	return b.String()
}

// programs are the loaded ones: those that each target has once, for as long as
// the loader lives, and the latest variants.
type programs struct {
	loaded   map[programKey]*ebpf.Collection
	variants []programKey // longest unused first
}

func (p *programs) get(k programKey) *ebpf.Collection {
	c := p.loaded[k]
	if c != nil && k.variant() {
		i := slices.Index(p.variants, k)
		p.variants = append(slices.Delete(p.variants, i, i+1), k)
	}
	return c
}

func (p *programs) add(k programKey, c *ebpf.Collection) {
	if p.loaded == nil {
		p.loaded = map[programKey]*ebpf.Collection{}
	}
	p.loaded[k] = c
	if !k.variant() {
		return
	}
	p.variants = append(p.variants, k)
	if len(p.variants) > maxVariants {
		oldest := p.variants[0]
		p.variants = slices.Delete(p.variants, 0, 1)
		p.loaded[oldest].Close()
		delete(p.loaded, oldest)
	}
}

func (p *programs) has(t *bpf.Target) bool {
	for k := range p.loaded {
		if k.target == t {
			return true
		}
	}
	return false
}

func (p *programs) clear() {
	for _, c := range p.loaded {
		c.Close()
	}
	*p = programs{}
}
