module holdfast/test/parts/certs

go 1.26.0
