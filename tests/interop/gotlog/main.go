// gotlog checks a log in the layout of tlog-tiles with Go's own packages
// golang.org/x/mod/sumdb/note and sumdb/tlog: code that has nothing in common
// with demur's. It prints a line for each thing that holds and stops at the
// first that does not. tests/interop/go-tlog builds and runs it.
//
//	gotlog check -vkey FILE|-channel FINGERPRINT [flags] DIR-OR-URL
//	gotlog sign DIR            writes go.note and go.vkey
//
// A URL is read over HTTP, with "Authorization: Bearer $TOKEN" when TOKEN is set.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func fail(format string, args ...interface{}) {
	fmt.Printf("FAIL "+format+"\n", args...)
	os.Exit(1)
}

func ok(format string, args ...interface{}) { fmt.Printf("ok "+format+"\n", args...) }

func must(err error, what string) {
	if err != nil {
		fail("%s: %v", what, err)
	}
}

func readFile(path string) []byte {
	data, err := os.ReadFile(path)
	must(err, "read")
	return data
}

// vkeyOf makes the verifier key that entry 0 of a channel names, which is believed because
// it hashes to the fingerprint.
func vkeyOf(ts *tiles, checkpoint []byte, fingerprint string) string {
	first := tlog.Tile{H: 8, L: -1, N: 0, W: 256}
	if lines := strings.Split(string(checkpoint), "\n"); len(lines) > 1 {
		if size, err := strconv.Atoi(lines[1]); err == nil && size < 256 {
			first.W = size
		}
	}
	data, err := ts.fetch(first)
	must(err, path(first))
	entry, _ := nextEntry(data, path(first))
	if leaf := tlog.RecordHash(entry); fmt.Sprintf("%x", leaf[:]) != fingerprint {
		fail("entry 0 does not hash to the fingerprint")
	}
	fields := map[string]string{}
	for _, line := range strings.Split(string(entry), "\n") {
		if name, value, found := strings.Cut(line, " "); found {
			fields[name] = value
		}
	}
	key, err := base64.StdEncoding.DecodeString(fields["log-key"])
	must(err, "log-key")
	vkey, err := note.NewEd25519VerifierKey(fields["origin"], ed25519.PublicKey(key))
	must(err, "verifier key")
	ok("entry 0 is the channel's, and names the log key")
	return vkey
}

func readVkey(path string) string { return strings.TrimSpace(string(readFile(path))) }

// openCheckpoint verifies the log's signature and reads the three lines.
func openCheckpoint(msg []byte, vkey string) (tlog.Tree, *note.Note) {
	verifier, err := note.NewVerifier(vkey)
	must(err, "verifier key")
	n, err := note.Open(msg, note.VerifierList(verifier))
	must(err, "checkpoint")
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		fail("checkpoint: not three lines: %q", n.Text)
	}
	if lines[0] != verifier.Name() {
		fail("checkpoint: origin %q, key of %q", lines[0], verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err, "checkpoint size")
	root, err := tlog.ParseHash(lines[2])
	must(err, "checkpoint root")
	return tlog.Tree{N: size, Hash: root}, n
}

// checkCosignature verifies a tlog-cosignature, which sumdb/note does not know.
func checkCosignature(n *note.Note, vkey string) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		fail("cosigner key %q", vkey)
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	must(err, "cosigner key")
	if len(key) != 33 || key[0] != 4 {
		fail("cosigner key is not of type 4")
	}
	id := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	hash := binary.BigEndian.Uint32(id[:4])
	if fmt.Sprintf("%08x", hash) != parts[1] {
		fail("cosigner key id %s, should be %08x", parts[1], hash)
	}
	for _, s := range append(n.Sigs, n.UnverifiedSigs...) {
		if s.Name != parts[0] || s.Hash != hash {
			continue
		}
		blob, err := base64.StdEncoding.DecodeString(s.Base64)
		must(err, "cosignature")
		if len(blob) != 4+8+64 {
			fail("cosignature of %d bytes", len(blob))
		}
		signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(blob[4:]), n.Text)
		if !ed25519.Verify(ed25519.PublicKey(key[1:]), []byte(signed), blob[12:]) {
			fail("cosignature of %s does not verify", s.Name)
		}
		ok("cosignature of %s", s.Name)
		return
	}
	fail("no cosignature of %s", parts[0])
}

// path maps Go's tile/8/L/N to the tlog-tiles path tile/L/N.
func path(t tlog.Tile) string {
	if t.L == -1 {
		return "tile/entries" + strings.TrimPrefix(t.Path(), "tile/8/data")
	}
	return "tile" + strings.TrimPrefix(t.Path(), "tile/8")
}

// tiles reads a log's tiles, as a tlog.TileReader too.
type tiles struct {
	src  source
	kept map[string][]byte
}

func (ts *tiles) Height() int { return 8 }

func (ts *tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// fetch reads one tile, or cuts it out of the full one where the log has already
// dropped a partial tile.
func (ts *tiles) fetch(t tlog.Tile) ([]byte, error) {
	p := path(t)
	if data, found := ts.kept[p]; found {
		return data, nil
	}
	data, err := ts.src.get(p)
	if err != nil && t.W < 256 {
		full := t
		full.W = 256
		if data, err = ts.src.get(path(full)); err == nil && t.L >= 0 && len(data) == 256*tlog.HashSize {
			data = data[:t.W*tlog.HashSize]
		}
	}
	if err == nil {
		ts.kept[p] = data
	}
	return data, err
}

func (ts *tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range want {
		data, err := ts.fetch(t)
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// rebuild hashes every entry of the log into the tree that tlog makes of them.
// Reading tiles with tlog.TileHashReader would not do: in the version that
// Debian has, it does not compare every full tile with its parent's hash.
func rebuild(ts *tiles, tree tlog.Tree) tlog.HashReader {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		hashes := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			if index >= int64(len(stored)) {
				return nil, fmt.Errorf("hash %d of %d", index, len(stored))
			}
			hashes[i] = stored[index]
		}
		return hashes, nil
	})
	for n := int64(0); n < tree.N; {
		bundle := tlog.Tile{H: 8, L: -1, N: n / 256, W: 256}
		if tree.N-n < 256 {
			bundle.W = int(tree.N - n)
		}
		data, err := ts.fetch(bundle)
		must(err, path(bundle))
		for i := 0; i < bundle.W; i++ {
			var entry []byte
			entry, data = nextEntry(data, path(bundle))
			hashes, err := tlog.StoredHashes(n, entry, reader)
			must(err, path(bundle))
			stored = append(stored, hashes...)
			n++
		}
	}
	return reader
}

// checkTiles compares every tile, at its widest, with what the entries hash to,
// and their root with the checkpoint's.
func checkTiles(ts *tiles, tree tlog.Tree) {
	reader := rebuild(ts, tree)
	count := 0
	wanted := tlog.NewTiles(8, 0, tree.N)
	for i, t := range wanted {
		if i+1 < len(wanted) && wanted[i+1].L == t.L && wanted[i+1].N == t.N {
			continue // NewTiles lists each narrower width first
		}
		want, err := tlog.ReadTileData(t, reader)
		must(err, path(t))
		got, err := ts.fetch(t)
		must(err, path(t))
		if !bytes.Equal(got, want) {
			fail("%s: not what the entries hash to", path(t))
		}
		count++
	}
	root, err := tlog.TreeHash(tree.N, reader)
	must(err, "root")
	if root != tree.Hash {
		fail("the root of size %d is not what the entries hash to", tree.N)
	}
	ok("%d tiles and %d entries of size %d", count, tree.N, tree.N)
}

func nextEntry(data []byte, where string) (entry, rest []byte) {
	if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
		fail("%s: a bundle breaks off", where)
	}
	end := 2 + int(binary.BigEndian.Uint16(data))
	return data[2:end], data[end:]
}

func parseHashes(lines []string) (hashes []tlog.Hash) {
	for _, line := range lines {
		h, err := tlog.ParseHash(line)
		must(err, "proof")
		hashes = append(hashes, h)
	}
	return hashes
}

// checkReceipt verifies a tlog-proof for the last entry in its extra data.
func checkReceipt(file, vkey string, ts *tiles, head tlog.Tree) {
	text := string(readFile(file))
	split := strings.Index(text, "\n\n")
	if split < 0 {
		fail("%s: no empty line", file)
	}
	lines := strings.Split(text[:split], "\n")
	if len(lines) < 3 || lines[0] != "c2sp.org/tlog-proof@v1" ||
		!strings.HasPrefix(lines[1], "extra ") || !strings.HasPrefix(lines[2], "index ") {
		fail("%s: not a receipt with extra data", file)
	}
	bundle, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[1], "extra "))
	must(err, file)
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[2], "index "), 10, 64)
	must(err, file)
	var entry []byte
	for len(bundle) > 0 {
		entry, bundle = nextEntry(bundle, file)
	}
	proof := tlog.RecordProof(parseHashes(lines[3:]))
	tree, _ := openCheckpoint([]byte(text[split+2:]), vkey)
	must(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry)), file)
	if tree == head {
		own, err := tlog.ProveRecord(tree.N, index, tlog.TileHashReader(tree, ts))
		must(err, file)
		if fmt.Sprint(own) != fmt.Sprint(proof) {
			fail("%s: tlog makes another proof out of the tiles", file)
		}
	}
	ok("receipt for entry %d of %d", index, tree.N)
}

// checkGrowth verifies `old N`, a consistency proof, and a checkpoint: the body
// of tlog-witness's add-checkpoint.
func checkGrowth(file, vkey string, old tlog.Tree) {
	text := string(readFile(file))
	split := strings.Index(text, "\n\n")
	if split < 0 || !strings.HasPrefix(text, fmt.Sprintf("old %d\n", old.N)) {
		fail("%s: not growth from size %d", file, old.N)
	}
	lines := strings.Split(text[:split], "\n")
	tree, _ := openCheckpoint([]byte(text[split+2:]), vkey)
	must(tlog.CheckTree(parseHashes(lines[1:]), tree.N, tree.Hash, old.N, old.Hash), file)
	ok("growth from %d to %d", old.N, tree.N)
}

func check(args []string) {
	flags := flag.NewFlagSet("check", flag.ExitOnError)
	vkeyFile := flags.String("vkey", "", "file with the log's verifier key")
	channel := flags.String("channel", "", "instead of -vkey: the channel's fingerprint; its log key must not have been rotated")
	cosigner := flags.String("cosigner", "", "file with the verifier key of a witness that must have signed")
	receipts := flags.String("receipts", "", "glob of receipts to verify")
	oldFile := flags.String("old", "", "file with an earlier checkpoint: growth and its tiles are verified")
	growth := flags.String("growth", "", "file with a consistency proof from -old")
	atLeast := flags.Int64("at-least", 0, "entries that the log must have")
	flags.Parse(args)
	if flags.NArg() != 1 || (*vkeyFile == "") == (*channel == "") {
		flags.Usage()
		os.Exit(2)
	}
	ts := &tiles{openSource(flags.Arg(0)), map[string][]byte{}}
	msg, err := ts.src.get("checkpoint")
	must(err, "checkpoint")
	vkey := ""
	if *channel != "" {
		vkey = vkeyOf(ts, msg, *channel)
	} else {
		vkey = readVkey(*vkeyFile)
	}
	tree, n := openCheckpoint(msg, vkey)
	if tree.N < *atLeast {
		fail("the log has %d entries, not %d", tree.N, *atLeast)
	}
	ok("checkpoint of size %d", tree.N)
	if *cosigner != "" {
		checkCosignature(n, readVkey(*cosigner))
	}
	checkTiles(ts, tree)
	if *oldFile != "" {
		old, _ := openCheckpoint(readFile(*oldFile), vkey)
		proof, err := tlog.ProveTree(tree.N, old.N, tlog.TileHashReader(tree, ts))
		must(err, "consistency")
		must(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash), "consistency")
		checkTiles(ts, old)
		if *growth != "" {
			checkGrowth(*growth, vkey, old)
		}
	}
	if *receipts != "" {
		files, _ := filepath.Glob(*receipts)
		if len(files) == 0 {
			fail("no receipts at %s", *receipts)
		}
		for _, file := range files {
			checkReceipt(file, vkey, ts, tree)
		}
	}
}

// sign writes a note that demur has to verify.
func sign(dir string) {
	skey, vkey, err := note.GenerateKey(rand.Reader, "go.example/note")
	must(err, "key")
	signer, err := note.NewSigner(skey)
	must(err, "key")
	msg, err := note.Sign(&note.Note{Text: "A text that Go signed.\n\nWith an empty line: é.\n"}, signer)
	must(err, "sign")
	must(os.WriteFile(filepath.Join(dir, "go.note"), msg, 0o666), "write")
	must(os.WriteFile(filepath.Join(dir, "go.vkey"), []byte(vkey+"\n"), 0o666), "write")
}

func main() {
	switch {
	case len(os.Args) > 2 && os.Args[1] == "check":
		check(os.Args[2:])
	case len(os.Args) == 3 && os.Args[1] == "sign":
		sign(os.Args[2])
	default:
		fmt.Fprintln(os.Stderr, "usage: gotlog check -vkey FILE|-channel FINGERPRINT [flags] DIR-OR-URL | gotlog sign DIR")
		os.Exit(2)
	}
}
