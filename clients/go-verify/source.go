package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	// tileHeight is the height of the tiles of C2SP tlog-tiles: 256 hashes.
	tileHeight = 8
	// maxBytes is the largest resource that is read: a checkpoint with many cosignatures.
	maxBytes = 256 << 10
	timeout  = 30 * time.Second
)

// source reads the resources of a log from a directory, or from a URL if it begins with http.
type source struct {
	base  string
	token string
	http  *http.Client
}

func newSource(base, token string) *source {
	// A redirect would send the token elsewhere.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &source{
		base:  strings.TrimRight(base, "/"),
		token: token,
		http:  &http.Client{Timeout: timeout, CheckRedirect: stay},
	}
}

// read returns a resource, such as "checkpoint" or "tile/0/000".
func (s *source) read(path string) ([]byte, error) {
	body, err := s.open(path)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	bytes, err := io.ReadAll(io.LimitReader(body, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(bytes) > maxBytes {
		return nil, fmt.Errorf("%s is longer than %d bytes", path, maxBytes)
	}
	return bytes, nil
}

func (s *source) open(path string) (io.ReadCloser, error) {
	if !strings.HasPrefix(s.base, "http://") && !strings.HasPrefix(s.base, "https://") {
		return os.Open(filepath.Join(s.base, filepath.FromSlash(path)))
	}
	request, err := http.NewRequestWithContext(
		context.Background(), http.MethodGet, s.base+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	if s.token != "" {
		request.Header.Set("Authorization", "Bearer "+s.token)
	}
	response, err := s.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fmt.Errorf("GET %s: %s", path, response.Status)
	}
	return response.Body, nil
}

// tilePath is the path of a tile by C2SP tlog-tiles, which has no height, and calls the entries
// "entries" and not "data".
func tilePath(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", tile.H))
	if rest, isData := strings.CutPrefix(path, "data/"); isData {
		path = "entries/" + rest
	}
	return "tile/" + path
}

// tiles is the tlog.TileReader of a source. It keeps what it has read, since proofs share tiles;
// tlog.TileHashReader verifies every tile.
type tiles struct {
	source *source
	kept   map[tlog.Tile][]byte
}

func (t *tiles) Height() int { return tileHeight }

func (t *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	read := make([][]byte, 0, len(wanted))
	for _, tile := range wanted {
		bytes, err := t.read(tile)
		if err != nil {
			return nil, err
		}
		read = append(read, bytes)
	}
	return read, nil
}

func (t *tiles) read(tile tlog.Tile) ([]byte, error) {
	if bytes, found := t.kept[tile]; found {
		return bytes, nil
	}
	bytes, err := t.source.read(tilePath(tile))
	if err != nil {
		return nil, err
	}
	if tile.L >= 0 && len(bytes) != tile.W*tlog.HashSize {
		return nil, fmt.Errorf("%s has %d bytes, not those of %d hashes", tilePath(tile), len(bytes), tile.W)
	}
	t.kept[tile] = bytes
	return bytes, nil
}
