package api

import "github.com/sanyi-lake/sanyi/internal/fault"

// Error is the body of every answer that is not 2xx.
type Error struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

// kinds is the one table from the kind of an error to how it travels.
var kinds = map[fault.Kind]struct {
	name   string
	status int
}{
	fault.Internal:    {"internal", 500},
	fault.Invalid:     {"invalid", 422},
	fault.Usage:       {"usage", 400},
	fault.NotFound:    {"not_found", 404},
	fault.Denied:      {"denied", 403},
	fault.Conflict:    {"conflict", 409},
	fault.TooLarge:    {"too_large", 413},
	fault.Unavailable: {"unavailable", 503},
	fault.Refused:     {"refused", 409},
}

// Unauthenticated is the kind of an answer to a caller without a valid token (401).
const Unauthenticated = "unauthenticated"

// KindName is how a kind of error is written.
func KindName(k fault.Kind) string { return kinds[k].name }

// Status is the HTTP status of a kind of error.
func Status(k fault.Kind) int { return kinds[k].status }

// KindOf reads a kind's name; a name that is not known is Internal.
func KindOf(name string) fault.Kind {
	if name == Unauthenticated {
		return fault.Denied
	}
	for k, v := range kinds {
		if v.name == name {
			return k
		}
	}
	return fault.Internal
}
