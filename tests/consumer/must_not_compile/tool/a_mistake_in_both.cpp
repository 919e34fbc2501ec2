// error: g
int f() { return g(); }
