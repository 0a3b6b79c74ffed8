// Renders an Ollama template the way Ollama's server does: its one function, its handling of missing keys, and
// messages of one role put together. Reads {"template", "messages": [...]} on stdin, writes the prompt.
package main

import (
	"encoding/json"
	"log"
	"os"
	"text/template"
)

type arguments map[string]any

func (a arguments) String() string { return asJSON(a) }

type call struct {
	Function struct {
		Name      string
		Arguments arguments
	}
}

type message struct {
	Role      string
	Content   string
	ToolCalls []call `json:"tool_calls"`
}

func asJSON(value any) string {
	text, _ := json.Marshal(value)
	return string(text)
}

func main() {
	var input struct {
		Template string
		Messages []*message
		Tools    []any
	}
	if err := json.NewDecoder(os.Stdin).Decode(&input); err != nil {
		log.Fatal(err)
	}
	var together []*message
	for _, next := range input.Messages {
		if n := len(together); n > 0 && together[n-1].Role == next.Role && next.Role != "tool" {
			together[n-1].Content += "\n\n" + next.Content
		} else {
			together = append(together, next)
		}
	}
	parsed, err := template.New("").Option("missingkey=zero").
		Funcs(template.FuncMap{"json": asJSON}).Parse(input.Template)
	if err != nil {
		log.Fatal(err)
	}
	values := map[string]any{"Messages": together, "Tools": input.Tools, "System": "", "Response": ""}
	if err := parsed.Execute(os.Stdout, values); err != nil {
		log.Fatal(err)
	}
}
