// Go-verify verifies a transparency log of Auditrail with the packages that Go verifies modules with,
// golang.org/x/mod/sumdb/note and tlog, and no code of Auditrail.
//
//	go-verify -key VERIFIER_KEY [-entries N] [-sizes N] [-since CHECKPOINT] SOURCE
//
// SOURCE is a directory or a URL with the paths of C2SP tlog-tiles; that of a service ends in /v1/log.
// An API key is taken from AUDITRAIL_KEY. Exit code 1 if anything is not valid or cannot be read.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	key := flag.String("key", "", "verifier `key` of the log, NAME+ID+KEY")
	entries := flag.Int64("entries", 100, "`number` of random entries to verify; all if the log has fewer")
	sizes := flag.Int64("sizes", 20, "`number` of random earlier sizes to verify; all if the log has fewer")
	since := flag.String("since", "", "`file` with an earlier checkpoint that the log must continue")
	flag.Parse()
	if flag.NArg() != 1 || *key == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(flag.Arg(0), *key, *since, *entries, *sizes); err != nil {
		fmt.Fprintf(os.Stderr, "not valid: %v\n", err)
		os.Exit(1)
	}
}

func run(base, key, since string, entries, sizes int64) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return err
	}
	log, err := openLog(newSource(base, os.Getenv("AUDITRAIL_KEY")), verifier)
	if err != nil {
		return err
	}
	numbers := sample(log.tree.N, entries)
	for _, number := range numbers {
		if err := log.verifyEntry(number); err != nil {
			return err
		}
	}
	earlier := sample(log.tree.N, sizes)
	for _, number := range earlier {
		size := number + 1
		root, err := log.rootAt(size)
		if err != nil {
			return fmt.Errorf("root at size %d: %w", size, err)
		}
		if err := log.verifyContinues(tlog.Tree{N: size, Hash: root}); err != nil {
			return err
		}
	}
	if since != "" {
		if err := verifySince(log, verifier, since); err != nil {
			return fmt.Errorf("%s: %w", since, err)
		}
	}
	fmt.Printf("%s of size %d: %d entries and %d earlier sizes are valid\n",
		verifier.Name(), log.tree.N, len(numbers), len(earlier))
	return nil
}

func verifySince(log *log, verifier note.Verifier, file string) error {
	bytes, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	earlier, err := checkpoint(bytes, verifier)
	if err != nil {
		return err
	}
	return log.verifyContinues(earlier)
}

// sample returns n random numbers below size, or all of them if there are no more. One is the last.
func sample(size, n int64) []int64 {
	if size <= n {
		all := make([]int64, size)
		for number := range all {
			all[number] = int64(number)
		}
		return all
	}
	numbers := []int64{size - 1}
	for int64(len(numbers)) < n {
		numbers = append(numbers, rand.Int64N(size))
	}
	return numbers
}
