"""Every project gets a team: one for each person who owns projects without one. Nobody may see more than before."""

from django.db import migrations


def give_teams(apps, schema_editor):
    Project = apps.get_model("projects", "Project")
    Membership = apps.get_model("projects", "Membership")
    Team = apps.get_model("projects", "Team")
    TeamMembership = apps.get_model("projects", "TeamMembership")
    teams = {}
    for project in Project.objects.filter(team__isnull=True).order_by("created_at"):
        owner = Membership.objects.filter(project=project, role="owner").order_by("created_at", "pk").first()
        key = owner.user_id if owner else None
        if key not in teams:
            name = f"Team of {owner.user.name or owner.user.email}"[:120] if owner else "Team"
            teams[key] = Team.objects.create(name=name, created_by_id=key)
            if owner:
                TeamMembership.objects.create(team=teams[key], user_id=key, role="owner")
        Project.objects.filter(pk=project.pk).update(team=teams[key])


class Migration(migrations.Migration):
    dependencies = [("projects", "0002_teams")]
    operations = [migrations.RunPython(give_teams, migrations.RunPython.noop)]
