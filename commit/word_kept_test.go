package commit_test

import (
	"testing"

	"github.com/sinker-io/sinker/commit"
)

// A word that a shell takes as it is stays as it is, to the last letter of each range; its neighbours in the alphabet are quoted.
func TestWord_OnlyWhatNeedsQuotesGetsThem(t *testing.T) {
	for _, plain := range []string{"a", "z", "m", "A", "Z", "M", "0", "9", "5", ".", "_", "-", "/", ":", "@", "%", "+", ",", "shop.orders", "Az09", "s3://b/k"} {
		if got := commit.Word(plain); got != plain {
			t.Errorf("%s became %s", plain, got)
		}
	}
	for _, odd := range []string{"", "`", "{", "[", ";", "|", "a b", "a;b", "ä", "$", "*", "~", "^", "!", "#", "&", "(", "<", "\"", "\\", "=", "?"} {
		if got := commit.Word(odd); got != "'"+odd+"'" {
			t.Errorf("%q became %s", odd, got)
		}
	}
	if got := commit.Word("it's"); got != `'it'\''s'` {
		t.Errorf("%s", got)
	}
}
