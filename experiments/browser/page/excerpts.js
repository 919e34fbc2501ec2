// The bundler replaces this list by the lines that excerpts.json asks for.
export const excerpts = [];
