module kx.dev/csi/test/testdriver

go 1.26
