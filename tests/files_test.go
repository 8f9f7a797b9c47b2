// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/zoo"
)

// nativeFiles tells of the open files of a process what the real /proc does, as
// rows of tasks/files by descriptor. A file that was closed meanwhile is left out.
func nativeFiles(pid string) map[string]map[string]string {
	rows := map[string]map[string]string{}
	dir := "/proc/" + pid + "/fd/"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // it has gone
	}
	for _, e := range entries {
		fd := e.Name()
		var link unix.Stat_t
		info, err := os.ReadFile("/proc/" + pid + "/fdinfo/" + fd)
		if err != nil || unix.Lstat(dir+fd, &link) != nil {
			continue
		}
		row := map[string]string{"PID": pid, "FD": fd, "MODE": fileMode(info, link.Mode)}
		for _, name := range []string{"pos", "ino"} {
			row[strings.ToUpper(name)] = infoField(info, name)
		}
		path, err := os.Readlink(dir + fd)
		switch {
		case err == nil:
			row["PATH"] = escape(path)
		case strings.Contains(err.Error(), "name too long"):
			row["PATH"] = "-"
		default:
			continue
		}
		var st unix.Stat_t
		if unix.Stat(dir+fd, &st) != nil {
			continue
		}
		row["TYPE"] = fileType(st.Mode, path)
		row["DEV"] = fmt.Sprintf("%02x:%02x", unix.Major(st.Dev), unix.Minor(st.Dev))
		if row["INO"] == "" { // before 5.14
			row["INO"] = strconv.FormatUint(st.Ino, 10)
		}
		rows[fd] = row
	}
	return rows
}

// infoField is a field of fdinfo.
func infoField(info []byte, name string) string {
	for line := range bytes.Lines(info) {
		if value, ok := bytes.CutPrefix(line, []byte(name+":\t")); ok {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}

func fileMode(info []byte, link uint32) string {
	if flags, _ := strconv.ParseInt(infoField(info, "flags"), 8, 64); flags&unix.O_PATH != 0 {
		return "p"
	}
	mode := map[uint32]string{unix.S_IRUSR: "r", unix.S_IWUSR: "w", unix.S_IRUSR | unix.S_IWUSR: "rw"}[link&0o600]
	if mode == "" {
		return "-"
	}
	return mode
}

func fileType(mode uint32, path string) string {
	if strings.HasPrefix(path, "pipe:[") {
		return "pipe"
	}
	return map[uint32]string{
		unix.S_IFREG: "reg", unix.S_IFDIR: "dir", unix.S_IFLNK: "lnk", unix.S_IFCHR: "chr", unix.S_IFBLK: "blk",
		unix.S_IFIFO: "fifo", unix.S_IFSOCK: "sock", 0: "anon",
	}[mode&unix.S_IFMT]
}

// escape is how a table shows a text.
func escape(s string) string {
	var out strings.Builder
	for _, c := range []byte(s) {
		if c <= ' ' || c == '\\' || c == 0x7f {
			fmt.Fprintf(&out, `\%03o`, c)
		} else {
			out.WriteByte(c)
		}
	}
	return out.String()
}

// byFD are the rows of a table of files by process and descriptor.
func byFD(t testing.TB, text string) map[string]map[string]map[string]string {
	t.Helper()
	files := map[string]map[string]map[string]string{}
	for _, row := range table(t, text) {
		pid, fd := row["PID"], row["FD"]
		if files[pid] == nil {
			files[pid] = map[string]map[string]string{}
		}
		if files[pid][fd] != nil {
			t.Errorf("file %s of process %s twice", fd, pid)
		}
		files[pid][fd] = row
	}
	return files
}

func TestFilesEqualProc(t *testing.T) {
	m := newMount(t)
	animal := strconv.Itoa(zoo.One(t, "files"))
	defer openLargeInode(t, m).Close()
	persistently(t, func() (complaints []string) {
		before := map[string]map[string]map[string]string{}
		pids := processes(t)
		for _, pid := range pids {
			before[pid] = nativeFiles(pid)
		}
		ours := byFD(t, m.read(t, "tasks/files"))
		compared := 0
		for _, pid := range pids {
			after := nativeFiles(pid)
			for fd, want := range before[pid] {
				if fmt.Sprint(after[fd]) != fmt.Sprint(want) || hidden(pid) {
					continue
				}
				compared++
				if got := ours[pid][fd]; fmt.Sprint(got) != fmt.Sprint(want) {
					complaints = append(complaints, fmt.Sprintf("file %s of process %s is\n%v, want\n%v", fd, pid, got, want))
				}
			}
			if pid == animal && len(ours[pid]) != len(before[pid]) {
				complaints = append(complaints, fmt.Sprintf("%d files of the animal, in /proc %d", len(ours[pid]), len(before[pid])))
			}
		}
		if compared < 500 {
			complaints = append(complaints, fmt.Sprintf("only %d files compared", compared))
		}
		return complaints
	})
}

// openLargeInode opens a file with an inode number of 64 bits: those of the mount
// are hashes.
func openLargeInode(t testing.TB, m *mount) *os.File {
	t.Helper()
	for _, name := range list(t, m.path("tasks")) {
		var st unix.Stat_t
		if unix.Stat(m.path("tasks/"+name), &st) == nil && st.Ino>>63 != 0 {
			f, err := os.Open(m.path("tasks/" + name))
			if err == nil {
				return f
			}
		}
	}
	t.Fatal("no such inode")
	return nil
}

// processes are the pids that /proc lists.
func processes(t testing.TB) (pids []string) {
	t.Helper()
	for _, name := range list(t, "/proc") {
		if strings.Trim(name, "0123456789") == "" {
			pids = append(pids, name)
		}
	}
	return pids
}

// The animal has what the comparison is to be of, and its own table has the rows
// of that of all.
func TestFilesOfProcess(t *testing.T) {
	m := newMount(t)
	pid := zoo.One(t, "files")
	text := m.read(t, fmt.Sprintf("tasks/%d/files", pid))
	folder, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil {
		t.Fatal(err)
	}
	text = strings.ReplaceAll(text, " "+folder+"/", " FOLDER/")
	text = strings.ReplaceAll(text, "\xff\xfe", "NOT-UTF-8") // which patterns have to be
	for _, want := range []string{
		`reg +rw +0 .* FOLDER/two\\040words`, `FOLDER/new\\012line`, `FOLDER/back\\134slash\\134012`, `FOLDER/gone\\040\(deleted\)`,
		`FOLDER/removed\\040\(deleted\)`, `dir .* FOLDER/removed\\040dir\\040\(deleted\)`, `FOLDER/new\\040name`, `FOLDER/NOT-UTF-8`,
		`reg +rw +7 .* FOLDER/file`, `reg +w +0 .* FOLDER/file`, `reg +- +0 .* FOLDER/file`, `reg +p +0 .* FOLDER/file`, `reg +r +1099511627776 .* FOLDER/file`,
		`lnk +p .* FOLDER/link`, `fifo +rw .* FOLDER/fifo`, `sock +p .* FOLDER/socket`, `sock +rw .* socket:\[\d+\]`, `pipe +r .* pipe:\[\d+\]`,
		`chr +rw .* /dev/null`, `chr .* /dev/pts/\d+`, `reg .* /memfd:a\\040b\\012\\134\\040\(deleted\)`, `reg .* net:\[\d+\]`,
		`anon .* anon_inode:\[eventfd\]`, `anon .* anon_inode:\[eventpoll\]`, `anon .* anon_inode:bpf-map`, `anon .* anon_inode:\[pidfd\]`,
		`FOLDER/mount/hidden`, `/detached`, `reg +rw .* -`, strings.Repeat("n", 255),
	} {
		if !regexp.MustCompile(`(?m)` + want + `$`).MatchString(text) {
			t.Errorf("no row %s", want)
		}
	}
	if all := byFD(t, m.read(t, "tasks/files"))[strconv.Itoa(pid)]; len(all) != strings.Count(text, "\n")-1 {
		t.Errorf("%d rows of the process, in the table of all %d", strings.Count(text, "\n")-1, len(all))
	}
}

// A process need not have an open file, and a thread has those of its process.
func TestFilesOfFew(t *testing.T) {
	m := newMount(t)
	if text := m.read(t, "tasks/2/files"); strings.Count(text, "\n") != 1 || !strings.HasPrefix(strings.TrimSpace(text), "PID ") {
		t.Errorf("the files of a kernel thread are %q", text)
	}
}

// lsofTypes are lsof's names of our types; all that it does not list are sockets.
var lsofTypes = map[string]string{
	"REG": "reg", "DIR": "dir", "CHR": "chr", "BLK": "blk", "LINK": "lnk", "FIFO": "fifo", "a_inode": "anon",
}

func TestFilesAgreeWithLsof(t *testing.T) {
	lsof := need.Tool(t, "lsof", "lsof")
	m := newMount(t)
	pid := zoo.One(t, "files")
	rows := byFD(t, m.read(t, fmt.Sprintf("tasks/%d/files", pid)))[strconv.Itoa(pid)]
	out, err := exec.Command(lsof, "-nP", "-w", "-p", strconv.Itoa(pid), "-F", "fatDin").Output()
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, file := range regexp.MustCompile(`(?m)^f\d+\n(?:[^f].*\n)*`).FindAllString(string(out), -1) {
		field := map[byte]string{}
		for line := range strings.Lines(file) {
			field[line[0]] = strings.TrimSuffix(line[1:], "\n")
		}
		row := rows[field['f']]
		kind, known := lsofTypes[field['t']]
		if !known {
			kind = "sock"
		}
		got := strings.NewReplacer("pipe", "fifo").Replace(row["TYPE"])
		// lsof goes by the flags of open(2), and knows two bits of them.
		mode := map[string]string{"r": "r", "w": "w", "rw": "u", "p": "u", "-": "u"}[row["MODE"]]
		if got != kind || mode != strings.TrimSpace(field['a']) {
			t.Errorf("file %s is %v, in lsof %q", field['f'], row, field)
		}
		if kind == "sock" {
			continue
		}
		compared++
		if dev, err := strconv.ParseUint(field['D'], 0, 64); err != nil || fmt.Sprintf("%02x:%02x", unix.Major(dev), unix.Minor(dev)) != row["DEV"] {
			t.Errorf("file %s is on device %s, in lsof %s", field['f'], row["DEV"], field['D'])
		}
		if field['i'] != row["INO"] {
			t.Errorf("file %s is inode %s, in lsof %s", field['f'], row["INO"], field['i'])
		}
		// lsof has escapes of its own, and cuts links short.
		if plain := regexp.MustCompile(`^/[!-~ ]{1,900}$`).MatchString(field['n']); plain && !strings.Contains(field['n'], `\`) && escape(field['n']) != row["PATH"] {
			t.Errorf("file %s is %s, in lsof %q", field['f'], row["PATH"], field['n'])
		}
	}
	if compared < 400 {
		t.Errorf("only %d files of lsof compared", compared)
	}
}
