package hosted

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// livesFile keeps which lives of this folder may have left a field behind, and where
// they were:
//
//	9f3c7a52-0c1e-4a0b-8f5e-2d1f6b7c8d90 64513 1835021
//	7GQHZ2V4T5J6K7M8N9P0QRSTUV
//	…
const livesFile = "lives"

// mostLives is how many lives are kept: those that were killed one after the other.
const mostLives = 32

// noteLife keeps this life in the folder, whose lock is held by lock, and learns
// which earlier lives have surely ended: those that held the very same lock, in the
// same run of the same machine. Of others, such as those of a copy of this folder or
// of the folder on another machine, nothing is known. It is called before the server
// is there to be told of this life.
func (s *Server) noteLife(lock *os.File) error {
	here, known := place(lock)
	if !known {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(s.set.dir, livesFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the folder's lives: %w", err)
	}
	ended := map[string]bool{}
	lives := []string{s.life}
	if words := strings.Split(strings.TrimSpace(string(text)), "\n"); words[0] == here {
		for _, life := range words[1:] {
			ended[life] = true
		}
		lives = append(slices.Clone(words[max(1, len(words)-mostLives+1):]), s.life)
	}
	if err := writeFile(s.set.dir, livesFile, here+"\n"+strings.Join(lives, "\n")+"\n"); err != nil {
		return fmt.Errorf("keep the folder's lives: %w", err)
	}
	s.endedLives.Store(&ended)
	return nil
}

// hasEnded reports whether a life of this folder has surely ended.
func (s *Server) hasEnded(life string) bool {
	ended := s.endedLives.Load()
	return ended != nil && (*ended)[life]
}
