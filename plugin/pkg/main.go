// Command gpx_sanyi_lakehouse is the back end of the Grafana data source: Grafana starts it and asks it over gRPC.
package main

import (
	"os"

	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"

	"github.com/sanyi-lake/sanyi/plugin/pkg/lakehouse"
)

func main() {
	if err := datasource.Manage(lakehouse.PluginID, lakehouse.New, datasource.ManageOpts{}); err != nil {
		log.DefaultLogger.Error("plugin stopped", "error", err)
		os.Exit(1)
	}
}
