package schemes

import "embed"

// demoPayment is how the demo works out weights and settles; nobody is paid by it.
//
//go:embed demo_payment/*.yaml
var demoPayment embed.FS

// DemoPayment are the parameter files of the demo: weigh (sanyi scheme weigh) and settle (sanyi settle).
func DemoPayment() (weigh, settle []byte) {
	weigh, _ = demoPayment.ReadFile("demo_payment/weigh.yaml") // embedded
	settle, _ = demoPayment.ReadFile("demo_payment/settle.yaml")
	return weigh, settle
}
