// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/iterfs/iterfs/tests/need"
)

// shellScript does what a shell does by way of /proc, or looks at itself there.
const shellScript = `
set -m
sleep 0.1 & jobs; wait %1; echo "job: $?"
sleep 100 & kill $!; wait $!; echo "killed: $?"
diff <(echo a) <(echo a) && echo same
diff <(echo a) <(echo b)
echo in | cat /dev/stdin
echo out >/dev/stdout
echo err >/dev/stderr
cat /dev/fd/3 3<<<three
cat /proc/self/fd/4 4<<<four
exec 5</proc/$$/comm; read -u 5 name; echo "$name"
printf renamed >/proc/$$/comm; cat /proc/$$/comm
exec 5<&-
[ /proc/self -ef /proc/$BASHPID ]; echo "self is not the shell: $?"
[ /proc/$$/exe -ef "$BASH" ] && echo exe
[ /proc/$$/cwd -ef . ] && readlink /proc/$$/cwd
grep -h State /proc/self/status; grep -o '^[^)]*) [A-Z]' /proc/self/stat | cut -d')' -f2
head -c1 /proc/self/syscall
tr '\0' ' ' </proc/self/cmdline; echo
tr '\0' '\n' </proc/$$/environ | grep ITERFS_MARK
(cd /proc/$$/fd && ls | head -3)
cd /proc/$$ && ls task | wc -l; cd /
echo 7 >/proc/$$/oom_score_adj; cat /proc/$$/oom_score_adj
echo x >/proc/$$/oom_score_adj
echo 0x33 >/proc/$$/coredump_filter; cat /proc/$$/coredump_filter
cat /proc/sys/kernel/ostype; echo >/proc/version
for f in mem maps uid_map; do : >>/proc/$$/$f; done
nsenter --net=/proc/$$/ns/net --uts=/proc/$$/ns/uts true && echo entered
stat -c '%A %h %U %F' /proc/$$ /proc /proc/self/
while read -r name value; do :; done </proc/$$/status; echo "a last line ended: $name"
echo 'echo script' >/tmp/iterfs-script-$$; bash /dev/fd/9 9</tmp/iterfs-script-$$; rm /tmp/iterfs-script-$$
printf '%s\n' /proc/$$/task/*/stat | wc -l
cat /proc/$$/task/$$/comm
ls -d /proc/999999999
ps -o comm= -p $$; ps -o stat= -p $$
kill -0 $$ && echo alive
`

// A shell with all that it does by way of /proc goes on working.
func TestProcShell(t *testing.T) {
	bash := need.Tool(t, "bash", "bash")
	root := newProc(t)
	here, numbers := t.TempDir(), regexp.MustCompile(`[0-9]{2,}`)
	run := func(root string) string {
		cmd := over(t.Context(), root, bash, "-c", "exec 2>&1\n"+shellScript)
		cmd.Dir, cmd.Env = here, append(os.Environ(), "ITERFS_MARK=1", "LC_ALL=C")
		out, errs, status := output(t, cmd)
		return numbers.ReplaceAllString(fmt.Sprint(out, errs, status), "N")
	}
	want, got := run("/proc"), run(root)
	if lines := strings.Count(want, "\n"); lines < 40 {
		t.Errorf("the shell prints only %d lines: %s", lines, want)
	}
	compareLines(t, want, got)
}

// compareLines names the lines of a text that are not those of another.
func compareLines(t *testing.T, want, got string) {
	t.Helper()
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		if i >= len(w) || i >= len(g) {
			t.Errorf("%d lines, want %d", len(g), len(w))
			return
		}
		if w[i] != g[i] {
			t.Errorf("line %d is %q, want %q", i, g[i], w[i])
		}
	}
}
