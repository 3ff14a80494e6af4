// Reads YAML documents as kubectl does and answers with JSON: one process for thousands of examples.
//
// Both directions carry frames: a length of four bytes, big-endian, and that many bytes. Each
// question is answered by four frames: kubectl's decoder, then sigs.k8s.io/yaml leniently and
// strictly, then go.yaml.in/yaml/v3. An answer begins with "=" and holds JSON, or with "!" and holds the error.
package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log"
	"os"

	yamlv3 "go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/runtime"
	kubectl "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

func decoded(document []byte) ([]byte, error) {
	decoder := kubectl.NewYAMLOrJSONDecoder(bytes.NewReader(document), 4096)
	var first, second runtime.RawExtension
	if err := decoder.Decode(&first); err != nil {
		return nil, err
	}
	if err := decoder.Decode(&second); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is a second document")
	}
	return first.Raw, nil
}

func version3(document []byte) ([]byte, error) {
	var value any
	if err := yamlv3.Unmarshal(document, &value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

func answer(out *bufio.Writer, read func([]byte) ([]byte, error), document []byte) error {
	body, err := read(document)
	reply := append([]byte("="), body...)
	if err != nil {
		reply = append([]byte("!"), err.Error()...)
	}
	if err := binary.Write(out, binary.BigEndian, uint32(len(reply))); err != nil {
		return err
	}
	_, err = out.Write(reply)
	return err
}

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	for {
		var size uint32
		if err := binary.Read(in, binary.BigEndian, &size); err != nil {
			return
		}
		document := make([]byte, size)
		if _, err := io.ReadFull(in, document); err != nil {
			log.Fatal(err)
		}
		for _, read := range []func([]byte) ([]byte, error){decoded, yaml.YAMLToJSON, yaml.YAMLToJSONStrict, version3} {
			if err := answer(out, read, document); err != nil {
				log.Fatal(err)
			}
		}
		if err := out.Flush(); err != nil {
			log.Fatal(err)
		}
	}
}
