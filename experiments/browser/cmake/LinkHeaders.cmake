# link_headers(WHERE NAME): the headers WHERE/NAME, in a folder of links that the browser's compiler may
# search: the folder where they lie holds those of this machine's C library, too, which are not the browser's.
set(linked_headers ${PROJECT_BINARY_DIR}/include)
function(link_headers where name)
  file(MAKE_DIRECTORY ${linked_headers})
  file(CREATE_LINK ${where}/${name} ${linked_headers}/${name} SYMBOLIC)
endfunction()
