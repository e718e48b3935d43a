package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// source is where a log's files come from.
type source interface {
	get(path string) ([]byte, error)
}

func openSource(where string) source {
	if strings.HasPrefix(where, "http://") || strings.HasPrefix(where, "https://") {
		return web{strings.TrimSuffix(where, "/"), os.Getenv("TOKEN"), &http.Client{Timeout: 30 * time.Second}}
	}
	return folder(where)
}

type folder string

func (f folder) get(path string) ([]byte, error) {
	return os.ReadFile(filepath.Join(string(f), filepath.FromSlash(path)))
}

type web struct {
	base, token string
	client      *http.Client
}

func (w web) get(path string) ([]byte, error) {
	req, err := http.NewRequest("GET", w.base+"/"+path, nil)
	if err != nil {
		return nil, err
	}
	if w.token != "" {
		req.Header.Set("Authorization", "Bearer "+w.token)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 32<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, resp.Status)
	}
	return data, err
}
