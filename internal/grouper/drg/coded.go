package drg

// Code is a code as one grouper numbers it: what a lake's cases, which repeat a few thousand codes a million times, are
// grouped by, so that each code is looked up once.
type Code int32

// Unknown is the number of a code that no table of the scheme has, Blank that of no code at all.
const (
	Unknown Code = 0
	Blank   Code = -1
)

// DxCode numbers a diagnosis.
func (g *Grouper) DxCode(code string) Code { return numbered(g.dx.find(code), code) }

// OpCode numbers an operation.
func (g *Grouper) OpCode(code string) Code { return numbered(g.op.find(code), code) }

func numbered(id int32, code string) Code {
	if id == 0 && normalise(code) == "" {
		return Blank
	}
	return Code(id)
}

// Begin starts a case that has all of c but its codes. Its buffers are used again.
func (into *Coded) Begin(c *Case) {
	into.Case = *c
	into.dx, into.op, into.poa, into.flags = into.dx[:0], into.op[:0], into.poa[:0], 0
}

// AddDx adds a diagnosis with its condition on admission ('1' to '4', 0 unknown), the principal one first.
func (into *Coded) AddDx(code Code, poa byte) {
	if code == Blank {
		return
	}
	if code == Unknown {
		into.flags |= DxUnknown
	}
	into.dx, into.poa = append(into.dx, int32(code)), append(into.poa, poa)
}

// AddOp adds an operation, the principal one first.
func (into *Coded) AddOp(code Code) {
	if code == Blank {
		return
	}
	if code == Unknown {
		into.flags |= OpUnknown
	}
	into.op = append(into.op, int32(code))
}
