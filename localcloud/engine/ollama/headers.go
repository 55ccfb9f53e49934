//go:build headers

// Package headers keeps in go.mod the module whose miniaudio.h the build of Ollama includes. It is never compiled.
package headers

import _ "github.com/gen2brain/malgo"
