/** The page that is shown after the demo was closed during a refresh. It leads back to the same mode. */
document.getElementById('back').href = `/${location.search}#back`
