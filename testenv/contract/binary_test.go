package contract

func removeBinary() {}
