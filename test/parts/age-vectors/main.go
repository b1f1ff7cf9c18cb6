// Writes the test vectors of age, one a file, into a folder.
package main

import (
	"io/fs"
	"log"
	"os"
	"path/filepath"

	agetest "c2sp.org/CCTV/age"
)

func main() {
	names, err := fs.Glob(agetest.Vectors, "*")
	if err != nil {
		log.Fatal(err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(agetest.Vectors, name)
		if err != nil {
			log.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(os.Args[1], name), data, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
