module holdfast/bench/measure

go 1.26.8
