module ai-lab.eu/toolchain/pause

go 1.26
