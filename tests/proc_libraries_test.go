// SPDX-License-Identifier: Apache-2.0

package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/procfs"
	"github.com/shirou/gopsutil/v4/common"
	"github.com/shirou/gopsutil/v4/process"

	"github.com/iterfs/iterfs/tests/need"
	"github.com/iterfs/iterfs/tests/procdiff"
)

// compareValues compares what a library says of the zoo: a text for each question.
func compareValues(t *testing.T, root string, least int, ask func(root string) map[string]string) {
	t.Helper()
	settled := map[string]bool{}
	persistently(t, func() (complaints []string) {
		before, got, after := ask("/proc"), ask(root), ask("/proc")
		for question, want := range before {
			switch agreed, any := procdiff.Agree(want, got[question], after[question]); {
			case agreed && any:
				settled[question] = true
			case !agreed && !settled[question]: // what moves fits some time
				complaints = append(complaints, question+differ(got[question], want))
			}
		}
		if len(settled) < least {
			complaints = append(complaints, fmt.Sprintf("only %d values could be compared", len(settled)))
		}
		return complaints
	})
}

// answers asks a value of a library all that it can be asked: each method that takes
// no more than the context and gives a result and an error. What acts on a process
// gives only an error.
func answers(answers map[string]string, root, who string, v reflect.Value, arguments ...reflect.Value) {
	for i := range v.NumMethod() {
		name, method := v.Type().Method(i).Name, v.Method(i)
		if name == "SlabInfo" || name == "AllProcs" {
			continue // so many numbers that one moves each time; so do the processes that are none of ours
		}
		takes := method.Type().NumIn() == len(arguments) && (len(arguments) == 0 || strings.HasSuffix(name, "WithContext"))
		if !takes || method.Type().NumOut() != 2 || method.Type().IsVariadic() {
			continue
		}
		results := method.Call(arguments)
		text, err := json.Marshal(results[0].Interface())
		if err != nil {
			text = fmt.Appendf(nil, "%+v", results[0])
		}
		// Words are what is compared of values that move. Errors name the file.
		failed := strings.ReplaceAll(fmt.Sprint(results[1]), root, "/proc")
		answers[who+" "+name] = strings.NewReplacer(",", " , ", ":", " : ").Replace(string(text) + " " + failed)
	}
}

// gopsutil says the same of the zoo.
func TestProcGopsutil(t *testing.T) {
	pids := zooPIDs(t)[:20] // it reads all processes for the children of one
	compareValues(t, newProc(t), 30*len(pids), func(root string) map[string]string {
		all := map[string]string{}
		ctx := context.WithValue(t.Context(), common.EnvKey, common.EnvMap{common.HostProcEnvKey: root})
		listed, failed := process.PidsWithContext(ctx)
		for _, pid := range pids {
			p, err := process.NewProcessWithContext(ctx, int32(pid))
			if err != nil {
				all[strconv.Itoa(pid)] = strings.ReplaceAll(err.Error(), root, "/proc")
				continue
			}
			answers(all, root, strconv.Itoa(pid), reflect.ValueOf(p), reflect.ValueOf(ctx))
			all[fmt.Sprintf("%d is listed", pid)] = fmt.Sprint(slices.Contains(listed, int32(pid)), failed)
		}
		return all
	})
}

// prometheus/procfs says the same of the zoo and of the machine.
func TestProcPrometheusProcfs(t *testing.T) {
	pids := zooPIDs(t)
	compareValues(t, newProc(t), 15*len(pids), func(root string) map[string]string {
		all := map[string]string{}
		fs, err := procfs.NewFS(root)
		if err != nil {
			t.Fatal(err)
		}
		answers(all, root, "machine", reflect.ValueOf(fs))
		for _, pid := range pids {
			p, err := fs.Proc(pid)
			if err != nil {
				all[strconv.Itoa(pid)] = strings.ReplaceAll(err.Error(), root, "/proc")
				continue
			}
			answers(all, root, strconv.Itoa(pid), reflect.ValueOf(p))
		}
		return all
	})
}

// psutilScript prints all that psutil knows, a line for each question.
const psutilScript = `
import sys, psutil
psutil.PROCFS_PATH = sys.argv[1]
for pid in map(int, sys.argv[2:]):
	p = psutil.Process(pid)
	for name in sorted(psutil._as_dict_attrnames):
		try:
			print(pid, name, '=', repr(p.as_dict([name])[name]))
		except Exception as e: # it has errors of its own with odd processes
			print(pid, name, '=', repr(e))
	print(pid, 'parents', '=', [q.pid for q in p.parents()], pid in psutil.pids())
for ask in (psutil.virtual_memory, psutil.cpu_times, psutil.cpu_stats, psutil.cpu_count, psutil.boot_time,
		psutil.net_io_counters, psutil.disk_io_counters, psutil.disk_partitions, psutil.swap_memory):
	print('machine', ask.__name__, '=', repr(ask()))
`

func TestProcPsutil(t *testing.T) {
	python := need.Tool(t, "/usr/bin/python3", "python3-psutil")
	if exec.Command(python, "-c", "import psutil").Run() != nil {
		need.Tool(t, "psutil", "python3-psutil")
	}
	pids := zooPIDs(t)
	compareValues(t, newProc(t), 30*len(pids), func(root string) map[string]string {
		cmd := exec.Command(python, "-c", psutilScript, root)
		for _, pid := range pids {
			cmd.Args = append(cmd.Args, strconv.Itoa(pid))
		}
		out, errs, _ := output(t, cmd)
		if errs != "" {
			t.Fatal(errs)
		}
		all := map[string]string{}
		for line := range strings.Lines(out) {
			question, value, _ := strings.Cut(line, " = ")
			all[question] = value
		}
		return all
	})
}

// node_exporter exports the same.
func TestProcNodeExporter(t *testing.T) {
	root := newProc(t)
	moving := regexp.MustCompile(`^node_(scrape_collector_duration|sockstat|filefd_allocated|procs_running|processes_state\{state="R"\})`)
	sources := map[string]string{"/proc": startNodeExporter(t, "/proc"), root: startNodeExporter(t, root)}
	compareValues(t, root, 300, func(root string) map[string]string {
		text, err := get(sources[root])
		if err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for line := range strings.Lines(text) {
			name, value, _ := strings.Cut(line, " ")
			// The connection that asks is one of the sockets, what iterfs opens to answer one of the files,
			// and it is running meanwhile.
			if name != "#" && !moving.MatchString(name) {
				all[name] = value
			}
		}
		return all
	})
}

// startNodeExporter starts one that ends with the test, and returns its address.
func startNodeExporter(t *testing.T, root string) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	cmd := exec.Command(need.Tool(t, "prometheus-node-exporter", "prometheus-node-exporter"),
		"--path.procfs="+root, "--collector.processes", "--web.disable-exporter-metrics", "--web.listen-address="+address)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	url := "http://" + address + "/metrics"
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if _, err := get(url); err == nil {
			return url
		}
	}
	t.Fatalf("node_exporter does not answer: %s", log.String())
	return ""
}

func get(url string) (string, error) {
	client := http.Client{Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

// differ tells where two texts differ.
func differ(got, want string) string {
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	from := max(at-100, 0)
	return fmt.Sprintf(" is, at %d of %d, %.300q, want, of %d, %.300q", at, len(got), got[from:], len(want), want[from:])
}
