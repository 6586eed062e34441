module kx.dev/cluster/init

go 1.21
