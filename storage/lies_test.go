package storage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sinker-io/sinker/storage"
	"github.com/sinker-io/sinker/storage/storagetest"
)

// first plays a trick on the first request of a kind only.
func first(kind string, do trick) func(string, int, *http.Request) trick {
	return func(k string, n int, _ *http.Request) trick {
		if k == kind && n == 1 {
			return do
		}
		return nil
	}
}

func every(kind string, do trick) func(string, int, *http.Request) trick {
	return func(k string, _ int, _ *http.Request) trick {
		if k == kind {
			return do
		}
		return nil
	}
}

func upload(ctx context.Context, s storage.Store, at string, data []byte) error {
	u, err := s.Create(ctx, at)
	if err != nil {
		return err
	}
	defer u.Abort()
	if _, err := u.Write(data); err != nil {
		return err
	}
	n, err := u.Commit(ctx)
	if err == nil && n != int64(len(data)) {
		return fmt.Errorf("commit said %d bytes of %d", n, len(data))
	}
	return err
}

var (
	little = storagetest.Bytes(1, 10_000)
	much   = storagetest.Bytes(2, part+4321)
)

// A passing fault, on any request, before or after the store did its work, must not be seen at all.
func TestS3_PassingFaultsAreOvercome(t *testing.T) {
	faults := map[string]trick{
		"lost request": drop, "lost answer": doneButDropped, "503": says(503, "SlowDown", "reduce your rate"), "500": says(500, "InternalError", "again please"),
		"503 but done": doneButSays(503, "ServiceUnavailable"), "429": says(429, "TooManyRequests", "slow"), "conflict": says(409, "ConditionalRequestConflict", "at once"),
		"clock": says(403, "RequestTimeTooSkewed", "late"),
	}
	for name, fault := range faults {
		for _, kind := range []string{"put", "begin", "part", "complete", "head", "get", "delete"} {
			if kind == "head" && (name == "conflict" || name == "clock") {
				continue // an answer without a body cannot say why
			}
			t.Run(kind+" "+name, func(t *testing.T) {
				l := newLiar(t, first(kind, fault))
				s := open(t, storage.S3Config{Endpoint: l.URL})
				for key, data := range map[string][]byte{"little": little, "much": much} {
					if err := upload(t.Context(), s, location(key), data); err != nil {
						t.Fatalf("%s: %v", key, err)
					}
					got, err := s.ReadAll(t.Context(), location(key))
					if err != nil || !bytes.Equal(got, data) {
						t.Fatalf("%s: %d bytes of %d, %v", key, len(got), len(data), err)
					}
					if err := s.Remove(t.Context(), location(key)); err != nil {
						t.Fatal(err)
					}
				}
				if l.count(kind) < 2 {
					t.Errorf("no second %s was sent: the fault was not met", kind)
				}
			})
		}
	}
}

func TestS3_NothingIsAcceptedThatTheStoreDoesNotHave(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(string, int, *http.Request) trick
		data []byte
		want string
	}{
		"a put cut short":  {every("put", shortens), little, "5000 bytes of the 10000"},
		"a part cut short": {first("part", shortens), much, "of the 5247201"},
		"a put forgotten":  {every("put", forgets), little, "does not have it"},
		"a put refused":    {every("put", says(400, "EntityTooLarge", "no")), little, "EntityTooLarge"},
		"a completion answered with 200, an error": {every("complete", says(200, "InternalError", "we failed")), much, "InternalError"},
		"a completion denied in a 200":             {every("complete", says(200, "AccessDenied", "no")), much, "AccessDenied"},
		"a part refused":                           {every("part", says(400, "InvalidArgument", "bad part")), much, "InvalidArgument"},
		"always busy":                              {every("put", says(503, "SlowDown", "busy")), little, "8 attempts"},
		"never an answer":                          {every("part", drop), much, "8 attempts"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t, c.do)
			s := open(t, storage.S3Config{Endpoint: l.URL})
			err := upload(t.Context(), s, location("x"), c.data)
			if err == nil {
				t.Fatal("accepted")
			}
			if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrExists) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "s3://lake/x") {
				t.Errorf("the error does not say what happened: %v", err)
			}
			if left := l.openUploads(t); left != "" {
				t.Errorf("parts are left behind: %s", left)
			}
		})
	}
}

func TestS3_CompletionThatSaysErrorIn200OnceIsRepeated(t *testing.T) {
	l := newLiar(t, first("complete", says(200, "InternalError", "we failed")))
	s := open(t, storage.S3Config{Endpoint: l.URL})
	if err := upload(t.Context(), s, location("x"), much); err != nil {
		t.Fatal(err)
	}
	if l.count("complete") != 2 {
		t.Errorf("%d completions", l.count("complete"))
	}
}

// The second copy of a request is refused because the first was carried out. Only if what is there is ours
// may that count as success.
func TestS3_OwnFirstCopyIsRecognised(t *testing.T) {
	l := newLiar(t, first("put", doneButDropped))
	s := open(t, storage.S3Config{Endpoint: l.URL})
	if err := s.Put(t.Context(), location("x"), little); err != nil {
		t.Errorf("our own first copy: %v", err)
	}
	if l.count("put") != 2 {
		t.Fatalf("%d puts", l.count("put"))
	}
	if err := s.Put(t.Context(), location("x"), little); !errors.Is(err, storage.ErrExists) {
		t.Errorf("a name taken before, refused at once: %v", err)
	}

	l = newLiar(t, first("put", drop))
	s = open(t, storage.S3Config{Endpoint: l.URL})
	other := open(t, storage.S3Config{Endpoint: l.true_.URL})
	if err := other.Put(t.Context(), location("x"), []byte("somebody else's")); err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), location("x"), little); !errors.Is(err, storage.ErrExists) {
		t.Errorf("another's object after a lost request: %v", err)
	}
}

func TestS3_StoreWithoutConditions(t *testing.T) {
	conditional := 0
	l := newLiar(t, func(kind string, n int, r *http.Request) trick {
		if r.Header.Get("If-None-Match") != "" {
			conditional++
			return says(501, "NotImplemented", "A header you provided implies functionality that is not implemented")
		}
		return nil
	})
	s := open(t, storage.S3Config{Endpoint: l.URL})
	storagetest.Run(t, s, storagetest.Options{Base: "s3://lake/loose", PartSize: part, LooseNames: true})
	before := conditional
	if err := s.Put(t.Context(), location("remembered"), little); err != nil {
		t.Fatal(err)
	}
	if conditional != before {
		t.Error("the store's answer was not remembered")
	}

	other := newLiar(t, every("put", says(501, "NotImplemented", "no writing at all")))
	s = open(t, storage.S3Config{Endpoint: other.URL})
	if err := s.Put(t.Context(), location("x"), little); err == nil || !strings.Contains(err.Error(), "NotImplemented") {
		t.Errorf("a store that cannot write: %v", err)
	}
}

func TestS3_StoreThatIgnoresConditionsOnCompletion(t *testing.T) {
	l := newLiar(t, every("complete", ignores("If-None-Match")))
	s := open(t, storage.S3Config{Endpoint: l.URL})
	if err := s.Put(t.Context(), location("x"), little); err != nil {
		t.Fatal(err)
	}
	if err := upload(t.Context(), s, location("x"), much); !errors.Is(err, storage.ErrExists) {
		t.Errorf("a taken name: %v", err)
	}
	if left := l.openUploads(t); left != "" {
		t.Errorf("parts are left behind: %s", left)
	}
}

// Keys that may not list a bucket are told "denied" of what does not exist.
func TestS3_StoreThatHidesWhatIsMissing(t *testing.T) {
	l := newLiar(t, every("head", hidesWhatIsMissing))
	s := open(t, storage.S3Config{Endpoint: l.URL})
	for i, data := range [][]byte{little, much} {
		if err := upload(t.Context(), s, location(fmt.Sprint("x", i)), data); err != nil {
			t.Error(err)
		}
		if err := upload(t.Context(), s, location(fmt.Sprint("x", i)), data); !errors.Is(err, storage.ErrExists) {
			t.Errorf("a taken name: %v", err)
		}
	}
	if _, err := s.Stat(t.Context(), location("missing")); !errors.Is(err, storage.ErrDenied) {
		t.Errorf("what cannot be known is said to be known: %v", err)
	}
}

func TestS3_CutAnswersAreReadAgain(t *testing.T) {
	tricks := 0
	l := newLiar(t, func(kind string, n int, r *http.Request) trick {
		if kind == "get" && n%2 == 1 {
			tricks++
			return halfAnswer
		}
		return nil
	})
	s := open(t, storage.S3Config{Endpoint: l.URL})
	if err := s.Put(t.Context(), location("x"), much); err != nil {
		t.Fatal(err)
	}
	got, err := s.ReadAll(t.Context(), location("x"))
	if err != nil || !bytes.Equal(got, much) {
		t.Fatalf("%d bytes of %d, %v", len(got), len(much), err)
	}
	f, err := s.Open(t.Context(), location("x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 1000)
	if n, err := f.ReadAt(p, 5000); n != 1000 || err != nil || !bytes.Equal(p, much[5000:6000]) {
		t.Errorf("ReadAt: %d, %v", n, err)
	}
	if tricks < 2 {
		t.Errorf("only %d answers were cut", tricks)
	}
}

func TestS3_AnAttemptThatHangsEnds(t *testing.T) {
	l := newLiar(t, first("put", hangs))
	s := open(t, storage.S3Config{Endpoint: l.URL})
	s.Impatient(200 * time.Millisecond)
	if err := s.Put(t.Context(), location("x"), little); err != nil {
		t.Fatal(err)
	}
	if l.count("put") < 2 {
		t.Error("no second attempt")
	}
}

// An answer that stops in its middle is given up, one that only takes long is not.
func TestS3_AnswersThatStopAndAnswersThatTakeLong(t *testing.T) {
	l := newLiar(t, first("get", stopsHalfWay))
	s := open(t, storage.S3Config{Endpoint: l.URL})
	if err := s.Put(t.Context(), location("x"), little); err != nil {
		t.Fatal(err)
	}
	s.Impatient(500 * time.Millisecond)
	if got, err := s.ReadAll(t.Context(), location("x")); err != nil || !bytes.Equal(got, little) || l.count("get") < 2 {
		t.Errorf("%d bytes, %v, %d requests", len(got), err, l.count("get"))
	}
	l = newLiar(t, every("get", trickles))
	s = open(t, storage.S3Config{Endpoint: l.URL})
	if err := s.Put(t.Context(), location("x"), little); err != nil {
		t.Fatal(err)
	}
	s.Impatient(500 * time.Millisecond)
	if got, err := s.ReadAll(t.Context(), location("x")); err != nil || !bytes.Equal(got, little) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// Whatever happens to requests and answers, an accepted object is whole.
func TestS3_AmongRandomFaults_WhatIsAcceptedIsWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 11))
	tricks := []trick{drop, doneButDropped, says(503, "SlowDown", "x"), doneButSays(500, "InternalError"), says(200, "InternalError", "x"), shortens, forgets}
	l := newLiar(t, func(kind string, n int, r *http.Request) trick {
		if kind == "head" || kind == "get" { // the store does not lie about what it has, only about what it did
			return nil
		}
		if rng.IntN(3) > 0 {
			return nil
		}
		return tricks[rng.IntN(len(tricks))]
	})
	s, truth := open(t, storage.S3Config{Endpoint: l.URL}), open(t, storage.S3Config{Endpoint: l.true_.URL})
	accepted, refused := 0, 0
	for i := range 120 {
		data := storagetest.Bytes(uint64(i), 1000+i)
		if i%4 == 0 {
			data = storagetest.Bytes(uint64(i), part*(1+i%3)+i)
		}
		at := location(fmt.Sprint("o", i))
		if err := upload(t.Context(), s, at, data); err != nil {
			refused++
			continue
		}
		accepted++
		got, err := truth.ReadAll(t.Context(), at)
		if err != nil || !bytes.Equal(got, data) {
			t.Fatalf("object %d of %d bytes was accepted, but the store has %d bytes, %v", i, len(data), len(got), err)
		}
	}
	if accepted < 30 || refused < 5 {
		t.Errorf("%d accepted, %d refused: the test says little", accepted, refused)
	}
}
