// Package fault names the few kinds of errors that a door has to tell apart: the command line turns a kind into an
// exit code, HTTP into a status, the plugin into an error source. It says nothing about how an error is worded.
package fault

import (
	"errors"
	"fmt"
)

// Kind is what a caller can do about an error.
type Kind int

// The kinds, from the caller's point of view.
const (
	Internal    Kind = iota // ours to mend
	Invalid                 // the input or a definition is wrong: mend it and come again
	Usage                   // the question is wrong: unknown flag, indicator, dimension
	NotFound                // no such thing
	Denied                  // not allowed for this identity
	Conflict                // somebody else moved the lake: begin again
	TooLarge                // a cap was reached: ask for less
	Unavailable             // disk full, lake locked, engine gone: try again later
	Refused                 // a gate kept a delivery out of the lake
)

// Error carries a kind beside the error that it wraps.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a kind; format and args are those of fmt.Errorf, %w included.
func New(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// Wrap gives err a kind; nil stays nil.
func Wrap(kind Kind, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: kind, Err: err}
}

// KindOf is the kind of the outermost Error in err's chain, Internal where there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}
