// Takes callbacks, each event once, into a SQLite database; and finds those that it missed.
package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	_ "modernc.org/sqlite"

	"ringback"
)

// handle's writes are committed together with the memory of the event: once, however often the callback comes.
func handle(ctx context.Context, tx *sql.Tx, event ringback.Event) error {
	var operation ringback.Operation
	if err := json.Unmarshal(event.Data, &operation); err != nil {
		return err
	}
	insert := `INSERT INTO reports (operation, status) VALUES ($1, $2)`
	if _, err := tx.ExecContext(ctx, insert, operation.ID, operation.Status); err != nil {
		return err
	}
	fmt.Println(event.Type, operation.ID)
	return nil
}

func main() {
	ctx := context.Background()
	db, err := sql.Open("sqlite", "file:reports.db?_pragma=busy_timeout(5000)")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := db.Exec(`CREATE TABLE IF NOT EXISTS reports (operation text, status text)`); err != nil {
		log.Fatal(err)
	}
	receiver := &ringback.Receiver{DB: db, Secrets: []string{os.Getenv("RINGBACK_SIGNING_SECRET")}, Handle: handle}
	if err := receiver.CreateTables(ctx); err != nil {
		log.Fatal(err)
	}
	client, err := ringback.NewClient(os.Getenv("RB"), os.Getenv("KEY"))
	if err != nil {
		log.Fatal(err)
	}
	go receiver.KeepUp(ctx, client, time.Minute, nil)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+cmp.Or(os.Getenv("PORT"), "9000"), receiver))
}
