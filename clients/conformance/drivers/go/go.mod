module conformance

go 1.23

require ringback v0.0.0

replace ringback => ../../../go
