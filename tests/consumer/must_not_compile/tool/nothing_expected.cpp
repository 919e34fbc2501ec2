#ifdef WRONG
int f() { return g(); }
#endif
