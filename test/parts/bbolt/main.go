// Command bbolt lets the tests use the real bbolt library: check a database, copy one with another page
// size or freelist, turn one into lines of JSON and back, and put buckets into buckets.
package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
)

const usage = `usage:
  bbolt check FILE
  bbolt dump FILE
  bbolt make [--page-size N] [--freelist persisted|none] OUT   (lines as dump prints them, on standard input)
  bbolt rewrite [--page-size N] [--freelist persisted|none] IN OUT
  bbolt nest [--freelist persisted|none] BUCKET FILE   (in BUCKET, buckets in buckets, some of them with a tree)`

// A transaction holds so many puts, as etcd's batches do.
const batch = 10000

func main() {
	debug.SetPanicOnFault(true)
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bbolt:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	pageSize := flags.Int("page-size", 4096, "bytes")
	freelist := flags.String("freelist", "none", "persisted or none")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	rest := flags.Args()
	if *freelist != "persisted" && *freelist != "none" {
		return errors.New(usage)
	}
	switch {
	case args[0] == "check" && len(rest) == 1:
		return check(rest[0])
	case args[0] == "dump" && len(rest) == 1:
		return dump(rest[0], os.Stdout)
	case args[0] == "make" && len(rest) == 1:
		return write(rest[0], *pageSize, *freelist == "persisted", linesOf(os.Stdin))
	case args[0] == "rewrite" && len(rest) == 2:
		return write(rest[1], *pageSize, *freelist == "persisted", entriesOf(rest[0]))
	case args[0] == "nest" && len(rest) == 2:
		return nest(rest[1], *freelist == "persisted", rest[0])
	}
	return errors.New(usage)
}

// openToRead never waits long for a lock: a file that a running etcd holds has to be copied first.
func openToRead(path string) (*bolt.DB, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: 5 * time.Second})
}

func check(path string) (err error) {
	defer func() {
		if problem := recover(); problem != nil {
			err = fmt.Errorf("check stopped: %v", problem)
		}
	}()
	db, err := openToRead(path)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.View(func(tx *bolt.Tx) error {
		problems := 0
		for problem := range tx.Check() {
			problems++
			fmt.Println(problem)
		}
		if problems > 0 {
			return fmt.Errorf("%d problems", problems)
		}
		return nil
	})
}

// take is called for every entry in order, and once with a nil key at the start of every bucket.
type take func(bucket, key, value []byte) error

func entriesOf(path string) func(take) error {
	return func(each take) error {
		db, err := openToRead(path)
		if err != nil {
			return err
		}
		defer db.Close()
		return db.View(func(tx *bolt.Tx) error {
			return tx.ForEach(func(name []byte, bucket *bolt.Bucket) error {
				if err := each(name, nil, nil); err != nil {
					return err
				}
				return bucket.ForEach(func(key, value []byte) error { return each(name, key, value) })
			})
		})
	}
}

// line is one entry, all fields hexadecimal; without a key it is the start of a bucket.
type line struct {
	Bucket string  `json:"bucket"`
	Key    *string `json:"key,omitempty"`
	Value  *string `json:"value,omitempty"`
}

func dump(path string, to io.Writer) error {
	out := bufio.NewWriterSize(to, 1<<20)
	encoder := json.NewEncoder(out)
	err := entriesOf(path)(func(bucket, key, value []byte) error {
		entry := line{Bucket: hex.EncodeToString(bucket)}
		if key != nil {
			k, v := hex.EncodeToString(key), hex.EncodeToString(value)
			entry.Key, entry.Value = &k, &v
		}
		return encoder.Encode(entry)
	})
	return errors.Join(err, out.Flush())
}

func linesOf(from io.Reader) func(take) error {
	return func(each take) error {
		decoder := json.NewDecoder(bufio.NewReaderSize(from, 1<<20))
		for {
			var entry line
			if err := decoder.Decode(&entry); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			bucket, err := hex.DecodeString(entry.Bucket)
			if err != nil {
				return err
			}
			if entry.Key == nil {
				if err := each(bucket, nil, nil); err != nil {
					return err
				}
				continue
			}
			key, err := hex.DecodeString(*entry.Key)
			if err != nil {
				return err
			}
			value := []byte{}
			if entry.Value != nil {
				if value, err = hex.DecodeString(*entry.Value); err != nil {
					return err
				}
			}
			if err := each(bucket, key, value); err != nil {
				return err
			}
		}
	}
}

func write(path string, pageSize int, persistFreelist bool, source func(take) error) error {
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("%s exists", path)
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{PageSize: pageSize, NoFreelistSync: !persistFreelist})
	if err != nil {
		return err
	}
	db.NoSync = true
	defer db.Close()
	tx, err := db.Begin(true)
	if err != nil {
		return err
	}
	puts := 0
	err = source(func(name, key, value []byte) error {
		bucket, err := tx.CreateBucketIfNotExists(bytes.Clone(name))
		if err != nil || key == nil {
			return err
		}
		if puts++; puts%batch == 0 {
			if err := tx.Commit(); err != nil {
				return err
			}
			if tx, err = db.Begin(true); err != nil {
				return err
			}
			bucket = tx.Bucket(name)
		}
		bucket.FillPercent = 0.9
		return bucket.Put(bytes.Clone(key), bytes.Clone(value))
	})
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return errors.Join(tx.Commit(), db.Sync())
}

func nest(path string, persistFreelist bool, name string) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{NoFreelistSync: !persistFreelist})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Update(func(tx *bolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists([]byte(name))
		for depth := 0; depth < 3 && err == nil; depth++ {
			entries := 1 + depth*400
			for i := 0; i < entries && err == nil; i++ {
				err = bucket.Put(fmt.Appendf(nil, "%04d", i), bytes.Repeat([]byte("x"), 60))
			}
			if err == nil {
				_, err = bucket.CreateBucket([]byte("empty"))
			}
			if err == nil {
				bucket, err = bucket.CreateBucket([]byte("inner"))
			}
		}
		return err
	})
}
