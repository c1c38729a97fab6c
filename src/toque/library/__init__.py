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
    base         keys only for SSH, kernel parameters, security updates, journal, clock, locale
    firewall     which new connections a machine takes
    fail2ban     addresses that guess at SSH are kept out for a while
    users_ssh    people: keys, groups, sudo
    swap         a swap file
    timer        jobs of the machine on a schedule
"""
