module ringback

go 1.23
