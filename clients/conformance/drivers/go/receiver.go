package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"

	_ "github.com/lib/pq"
	_ "modernc.org/sqlite"

	"ringback"
)

// receive is a receiver whose work fails now and then after it has written: TASK says where everything is.
func receive() error {
	var given struct {
		Database string  `json:"database"`
		Port     int     `json:"port"`
		Secret   string  `json:"secret"`
		URL      string  `json:"url"`
		Key      string  `json:"key"`
		EveryS   float64 `json:"every_s"`
	}
	if err := json.Unmarshal([]byte(os.Getenv("TASK")), &given); err != nil {
		return err
	}
	db, err := open(given.Database)
	if err != nil {
		return err
	}
	var count atomic.Int64
	receiver := &ringback.Receiver{
		DB:      db,
		Secrets: []string{given.Secret},
		OnError: func(error) {},
		Handle: func(ctx context.Context, tx *sql.Tx, event ringback.Event) error {
			var operation ringback.Operation
			if err := json.Unmarshal(event.Data, &operation); err != nil {
				return err
			}
			insert := `INSERT INTO handled (operation, correlation) VALUES ($1, $2)`
			if _, err := tx.ExecContext(ctx, insert, operation.ID, operation.Correlation); err != nil {
				return err
			}
			if count.Add(1)%7 == 0 {
				return errors.New("the work failed")
			}
			return nil
		},
	}
	if err := receiver.CreateTables(context.Background()); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", given.Port))
	if err != nil {
		return err
	}
	go http.Serve(listener, receiver)
	fmt.Println("{}")
	client, err := ringback.NewClient(given.URL, given.Key)
	if err != nil {
		return err
	}
	return receiver.KeepUp(context.Background(), client, seconds(given.EveryS), nil)
}

func open(database string) (*sql.DB, error) {
	if strings.HasPrefix(database, "/") {
		return sql.Open("sqlite", "file:"+database+"?_pragma=busy_timeout(5000)")
	}
	db, err := sql.Open("postgres", database+"?sslmode=disable")
	if err == nil {
		db.SetMaxOpenConns(8)
	}
	return db, err
}
