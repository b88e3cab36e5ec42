package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// log is a log with a checkpoint that its key has signed.
type log struct {
	tiles  *tiles
	hashes tlog.HashReader
	tree   tlog.Tree
}

func openLog(s *source, verifier note.Verifier) (*log, error) {
	bytes, err := s.read("checkpoint")
	if err != nil {
		return nil, err
	}
	tree, err := checkpoint(bytes, verifier)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	tiles := &tiles{source: s, kept: make(map[tlog.Tile][]byte)}
	return &log{tiles: tiles, hashes: tlog.TileHashReader(tree, tiles), tree: tree}, nil
}

// checkpoint verifies the signature of a checkpoint (C2SP tlog-checkpoint), and returns its tree.
func checkpoint(bytes []byte, verifier note.Verifier) (tlog.Tree, error) {
	opened, err := note.Open(bytes, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.SplitN(opened.Text, "\n", 4)
	if len(lines) < 4 {
		return tlog.Tree{}, errors.New("it has fewer than three lines")
	}
	if lines[0] != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("it is of the log %q, not of %q", lines[0], verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return tlog.Tree{}, fmt.Errorf("%q is not a size", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return tlog.Tree{}, err
	}
	return tlog.Tree{N: size, Hash: root}, nil
}

// verifyEntry verifies that an entry, as its bundle has it, is in the tree.
func (l *log) verifyEntry(number int64) error {
	entry, err := l.entry(number)
	if err != nil {
		return err
	}
	proof, err := tlog.ProveRecord(l.tree.N, number, l.hashes)
	if err != nil {
		return fmt.Errorf("entry %d: %w", number, err)
	}
	if err := tlog.CheckRecord(proof, l.tree.N, l.tree.Hash, number, tlog.RecordHash(entry)); err != nil {
		return fmt.Errorf("entry %d is not in the tree: %w", number, err)
	}
	return nil
}

// entry finds an entry in its bundle: up to 256 entries, each after its length in two bytes.
func (l *log) entry(number int64) ([]byte, error) {
	index := number / 256
	width := int(min(256, l.tree.N-index*256))
	tile := tlog.Tile{H: tileHeight, L: -1, N: index, W: width}
	bundle, err := l.tiles.read(tile)
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(bundle) > 0 {
		if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
			return nil, fmt.Errorf("%s ends within entry %d", tilePath(tile), len(entries))
		}
		end := 2 + int(binary.BigEndian.Uint16(bundle))
		entries, bundle = append(entries, bundle[2:end]), bundle[end:]
	}
	if len(entries) != width {
		return nil, fmt.Errorf("%s has %d entries, not %d", tilePath(tile), len(entries), width)
	}
	return entries[number%256], nil
}

// rootAt computes the root of the first entries from tiles, which are verified.
func (l *log) rootAt(size int64) (tlog.Hash, error) {
	return tlog.TreeHash(size, l.hashes)
}

// verifyContinues verifies that the log begins with the entries of an earlier tree.
func (l *log) verifyContinues(earlier tlog.Tree) error {
	if earlier.N > l.tree.N {
		return fmt.Errorf("the log was cut short: it has size %d, and had %d", l.tree.N, earlier.N)
	}
	if earlier.N == 0 {
		// Every tree begins with the empty one, of which there is no proof.
		return nil
	}
	proof, err := tlog.ProveTree(l.tree.N, earlier.N, l.hashes)
	if err != nil {
		return fmt.Errorf("from size %d: %w", earlier.N, err)
	}
	if err := tlog.CheckTree(proof, l.tree.N, l.tree.Hash, earlier.N, earlier.Hash); err != nil {
		return fmt.Errorf("the log does not continue its tree of size %d: %w", earlier.N, err)
	}
	return nil
}
