"""Cookbooks that come with Toque.

They are ordinary ones: a package with typed attributes, recipes and templates, that another
cookbook includes or a layer names.  Nothing here is known to the rest of Toque.

    python_app   users, directories, tools; the steps of a deploy
    gunicorn     settings and unit of a release that gunicorn serves
    granian      the same for granian
    uvicorn      the same for uvicorn
    uwsgi        the same for Debian's uWSGI
    nginx        the web server, and a site per app
    postgresql   the database server, and a role and a database per app
"""
