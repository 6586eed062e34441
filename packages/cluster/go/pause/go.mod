module kx.dev/cluster/pause

go 1.21
