// Compiles and tests Rego where nothing is installed: OPA's own compiler and test runner, built for WASI and run inside Node.
//
// It reads one JSON request from standard input and writes one JSON answer to standard output. It opens no file and no connection.
// libs/rego has the other side, and the meaning of each field.
package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/compile"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
	"github.com/open-policy-agent/opa/v1/version"
)

type request struct {
	// What to do: "compile", "test", "format" or "version".
	Do string `json:"do"`
	// Rego by file name.
	Modules map[string]string `json:"modules"`
	// For "compile": rules that can be asked, such as "customhouse/decision".
	Entrypoints []string `json:"entrypoints"`
	// For "test": base documents.
	Data map[string]any `json:"data"`
	// For "test": milliseconds for one test.
	TimeoutMs int `json:"timeout_ms"`
}

type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	File    string `json:"file,omitempty"`
	Row     int    `json:"row,omitempty"`
	Col     int    `json:"col,omitempty"`
}

type test struct {
	Package string `json:"package"`
	Name    string `json:"name"`
	// "pass", "fail", "error" or "skip".
	Outcome string  `json:"outcome"`
	Message string  `json:"message,omitempty"`
	File    string  `json:"file"`
	Row     int     `json:"row"`
	Ms      float64 `json:"ms"`
}

type answer struct {
	Version  string    `json:"version"`
	Problems []problem `json:"problems"`
	Wasm     string    `json:"wasm,omitempty"`
	Tests    []test    `json:"tests,omitempty"`
	// Of the tests: share of the lines with rules that ran, in per cent, and those that did not.
	Coverage   float64             `json:"coverage,omitempty"`
	NotCovered map[string][][2]int `json:"not_covered,omitempty"`
	Formatted  map[string]string   `json:"formatted,omitempty"`
}

func main() {
	result := answer{Version: version.Version, Problems: []problem{}}
	if err := work(&result); err != nil {
		result.Problems = append(result.Problems, problemsOf(err)...)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func work(result *answer) error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var asked request
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		return fmt.Errorf("the request is not understood: %w", err)
	}
	switch asked.Do {
	case "version":
		return nil
	case "format":
		return formatAll(asked, result)
	}
	modules, err := parse(asked.Modules)
	if err != nil {
		return err
	}
	switch asked.Do {
	case "compile":
		return compileAll(asked, modules, result)
	case "test":
		return testAll(asked, modules, result)
	default:
		return fmt.Errorf("there is nothing to do called %q", asked.Do)
	}
}

func parse(texts map[string]string) (map[string]*ast.Module, error) {
	modules := map[string]*ast.Module{}
	var problems ast.Errors
	for _, name := range names(texts) {
		module, err := ast.ParseModuleWithOpts(name, texts[name], options())
		if err == nil && module != nil {
			modules[name] = module
			continue
		}
		var found ast.Errors
		if errors.As(err, &found) {
			problems = append(problems, found...)
		} else if err != nil {
			return nil, err
		} else {
			problems = append(problems, ast.NewError(ast.ParseErr, ast.NewLocation(nil, name, 1, 1), "the file is empty"))
		}
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return modules, nil
}

// What a policy may use. Nothing that reaches the network, the environment or a clock: the same input gives the same decision, for ever.
func capabilities() *ast.Capabilities {
	all := ast.CapabilitiesForThisVersion()
	kept := all.Builtins[:0:0]
	for _, builtin := range all.Builtins {
		if !builtin.Nondeterministic && builtin.Name != "opa.runtime" && builtin.Name != "trace" {
			kept = append(kept, builtin)
		}
	}
	all.Builtins = kept
	all.AllowNet = []string{}
	return all
}

func options() ast.ParserOptions {
	return ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: true, Capabilities: capabilities()}
}

func compileAll(asked request, parsed map[string]*ast.Module, result *answer) error {
	if len(asked.Entrypoints) == 0 {
		return errors.New("a policy is compiled for at least one entry point")
	}
	checker := ast.NewCompiler().WithStrict(true).WithCapabilities(capabilities())
	if checker.Compile(parsed); checker.Failed() {
		return checker.Errors
	}
	files := []bundle.ModuleFile{}
	for _, name := range names(asked.Modules) {
		module, err := ast.ParseModuleWithOpts(name, asked.Modules[name], options())
		if err != nil {
			return err
		}
		files = append(files, bundle.ModuleFile{URL: name, Path: name, Raw: []byte(asked.Modules[name]), Parsed: module})
	}
	source := &bundle.Bundle{Modules: files, Data: map[string]any{}, Manifest: bundle.Manifest{Roots: &[]string{""}}}
	source.SetRegoVersion(ast.RegoV1)
	compiler := compile.New().
		WithTarget(compile.TargetWasm).
		WithRegoVersion(ast.RegoV1).
		WithCapabilities(capabilities()).
		WithEntrypoints(asked.Entrypoints...).
		WithBundle(source)
	if err := compiler.Build(context.Background()); err != nil {
		return err
	}
	made := compiler.Bundle().WasmModules
	if len(made) != 1 {
		return fmt.Errorf("the compiler made %d modules", len(made))
	}
	result.Wasm = base64.StdEncoding.EncodeToString(made[0].Raw)
	return nil
}

func testAll(asked request, modules map[string]*ast.Module, result *answer) error {
	compiler := ast.NewCompiler().WithStrict(true).WithCapabilities(capabilities()).WithEnablePrintStatements(true)
	if compiler.Compile(modules); compiler.Failed() {
		return compiler.Errors
	}
	data := asked.Data
	if data == nil {
		data = map[string]any{}
	}
	store := inmem.NewFromObject(data)
	ctx := context.Background()
	transaction, err := store.NewTransaction(ctx, storage.WriteParams)
	if err != nil {
		return err
	}
	defer store.Abort(ctx, transaction)
	timeout := time.Duration(asked.TimeoutMs) * time.Millisecond
	if timeout <= 0 {
		timeout = 5 * time.Second
	}
	coverage := cover.New()
	runner := tester.NewRunner().SetCoverageQueryTracer(coverage).SetCompiler(compiler).SetStore(store).SetModules(modules).SetTimeout(timeout).CapturePrintOutput(true)
	channel, err := runner.RunTests(ctx, transaction)
	if err != nil {
		return err
	}
	result.Tests = []test{}
	for ran := range channel {
		result.Tests = append(result.Tests, testOf(ran))
	}
	report := coverage.Report(modules)
	result.Coverage = report.Coverage
	result.NotCovered = map[string][][2]int{}
	for name, file := range report.Files {
		for _, lines := range file.NotCovered {
			result.NotCovered[name] = append(result.NotCovered[name], [2]int{lines.Start.Row, lines.End.Row})
		}
	}
	sort.Slice(result.Tests, func(a, b int) bool {
		left, right := result.Tests[a], result.Tests[b]
		return left.File < right.File || (left.File == right.File && left.Row < right.Row)
	})
	return nil
}

func testOf(ran *tester.Result) test {
	outcome, message := "pass", string(ran.Output)
	switch {
	case ran.Error != nil:
		outcome, message = "error", ran.Error.Error()
	case ran.Skip:
		outcome = "skip"
	case ran.Fail:
		outcome = "fail"
	}
	made := test{Package: ran.Package, Name: ran.Name, Outcome: outcome, Message: message, Ms: float64(ran.Duration.Microseconds()) / 1000}
	if ran.Location != nil {
		made.File, made.Row = ran.Location.File, ran.Location.Row
	}
	return made
}

func formatAll(asked request, result *answer) error {
	result.Formatted = map[string]string{}
	for _, name := range names(asked.Modules) {
		text, err := format.SourceWithOpts(name, []byte(asked.Modules[name]), format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			return err
		}
		result.Formatted[name] = string(text)
	}
	return nil
}

func names(texts map[string]string) []string {
	sorted := make([]string, 0, len(texts))
	for name := range texts {
		sorted = append(sorted, name)
	}
	sort.Strings(sorted)
	return sorted
}

func problemsOf(err error) []problem {
	var several ast.Errors
	if errors.As(err, &several) {
		problems := []problem{}
		for _, single := range several {
			problems = append(problems, problemOf(single))
		}
		return problems
	}
	var single *ast.Error
	if errors.As(err, &single) {
		return []problem{problemOf(single)}
	}
	return []problem{{Code: "failed", Message: err.Error()}}
}

func problemOf(err *ast.Error) problem {
	made := problem{Code: err.Code, Message: err.Message}
	if err.Location != nil {
		made.File, made.Row, made.Col = err.Location.File, err.Location.Row, err.Location.Col
	}
	return made
}
